"""Reading a study: its trials, its winner, and what they are worth. Nothing here writes it."""
