"""Keras models from recipes: a backbone with its preprocessing inside, and a head."""
