"""A trial's model exported, loaded and evaluated."""
