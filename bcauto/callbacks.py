"""Trackers as callbacks of ``bcauto.search``: MLflow and TensorBoard."""
