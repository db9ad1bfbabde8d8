"""A search space: constants, dimensions with conditions, starting points; it draws recipes."""

from bcauto.space.dimensions import Choices, Dimension, Range, Scalar, Suggester, Value
from bcauto.space.extend import extended
from bcauto.space.files import (
    HYPERMODEL_SPACE,
    find_space,
    read_space,
    shipped_spaces,
    space_table,
    space_text,
    starts_left_out,
)
from bcauto.space.space import Confirmation, Space, given_recipe

__all__ = [
    "HYPERMODEL_SPACE",
    "Choices",
    "Confirmation",
    "Dimension",
    "Range",
    "Scalar",
    "Space",
    "Suggester",
    "Value",
    "extended",
    "find_space",
    "given_recipe",
    "read_space",
    "shipped_spaces",
    "space_table",
    "space_text",
    "starts_left_out",
]
