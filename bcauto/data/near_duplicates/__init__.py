"""Pictures that two sets share, though one copy may be a little changed."""
