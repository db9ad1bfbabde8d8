"""Optuna storages by their URL: reached before work starts, and waited for when they go away."""
