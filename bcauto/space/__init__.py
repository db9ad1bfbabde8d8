"""Search spaces: dimensions and their conditions, read from TOML and checked at their edges."""
