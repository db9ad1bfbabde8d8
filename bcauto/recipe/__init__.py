"""A recipe: all that one training needs, its backbones and weights, and those that ship."""
