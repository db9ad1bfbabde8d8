"""Data sets: read from a file or a folder, cleaned, split, ready for trials."""
