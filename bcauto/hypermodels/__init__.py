"""Spaces of KerasTuner's hypermodels, and spaces of ours as hypermodels for its tuners."""
