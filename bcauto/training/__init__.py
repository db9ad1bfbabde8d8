"""One trial from recipe to scores: stages, batches, device. Keras is imported by ``Trainer``."""

from bcauto.training.trainer import Payload, Trainer

__all__ = ["Payload", "Trainer"]
