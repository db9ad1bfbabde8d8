"""The built-in blood cells, painted by code."""
