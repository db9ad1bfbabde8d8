"""``bcauto.Space``: a search space, to look at and to sample from."""

from __future__ import annotations

import os

from bcauto.api.words import in_python
from bcauto.recipe.recipe import Recipe
from bcauto.space.files import find_space, read_space
from bcauto.study.sampling import sample_at_random

__all__ = ["Space"]


class Space:
    """A search space; wherever bcauto takes the name of a space it takes this, too.

    Attributes:
        file: its file.
        dimensions: what is searched, by name.
        size: how many recipes it has; None where they are endless.
    """

    def __init__(self, space: str | os.PathLike[str]) -> None:
        """Read a space.

        Args:
            space: its name, or a ``.toml`` file.

        Raises:
            BadInput: there is no such space, or it breaks a rule.
        """
        with in_python():
            self.file = find_space(os.fspath(space))
            self._space = read_space(self.file)
        self.dimensions, self.size = dict(self._space.search), self._space.size

    def sample(self, count: int, seed: int = 0) -> list[Recipe]:
        """Return random recipes.

        Args:
            count: how many.
            seed: of the random numbers.

        Raises:
            BadInput: the space gives recipes that no training may have.
        """
        with in_python():
            return sample_at_random(self._space, count, seed)

    def __fspath__(self) -> str:
        return os.fspath(self.file)

    def __repr__(self) -> str:
        size = "endless" if self.size is None else f"{self.size:,} recipes"
        return f"<bcauto space {self.file.stem}: {len(self.dimensions)} dimensions, {size}>"
