"""Training of KerasTuner hypermodels: loaded by name, built, and trained."""
