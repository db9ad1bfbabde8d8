"""One trial from recipe to scores: stages, batches, device. Keras is imported by ``Trainer``."""
