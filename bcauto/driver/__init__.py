"""A search: planned and checked, then run; or one recipe trained alone."""
