"""HTML pages that open offline from disk: parts of a page, and how they are written as one file."""
