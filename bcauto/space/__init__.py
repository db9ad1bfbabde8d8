"""Search spaces: dimensions and their conditions, read from TOML and checked to their edges."""
