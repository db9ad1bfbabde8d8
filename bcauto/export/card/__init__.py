"""What lies beside an exported model for those who read: its card, and how to load it."""
