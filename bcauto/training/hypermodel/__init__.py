"""Training of KerasTuner hypermodels: found by name, built, trained by their own ``fit``."""
