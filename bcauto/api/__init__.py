"""The functions and classes that ``import bcauto`` offers."""
