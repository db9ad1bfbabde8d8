"""A recipe is all that one training needs; backbones, weights, and the bundled recipes."""
