"""Handing over a model: exported, loaded again, scored again."""
