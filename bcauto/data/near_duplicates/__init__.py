"""Finds pictures that two sets share, even where one copy is slightly changed."""
