"""Training and scoring of a trial: read ``trainer``, then ``run``. A ``Trainer`` imports Keras."""
