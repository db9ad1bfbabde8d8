"""Models made of models: views of a picture, means of kept models, and choosing among them."""
