"""``bcauto.Space``: a search space, to look at and to sample from."""

from __future__ import annotations

import os
from typing import Any

from bcauto.api.words import in_python
from bcauto.errors import BadInput
from bcauto.recipe.recipe import Recipe
from bcauto.space.files import find_space, read_space, starts_left_out

__all__ = ["Space"]


class Space:
    """A search space; wherever bcauto takes the name of a space it takes this, too.

    Attributes:
        name: as it was given.
        file: its file.
        content: all that the file says.
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
        self.name = os.fspath(space)
        with in_python():
            self.file = find_space(self.name)
            self.content = read_space(self.file)
        self.dimensions, self.size = dict(self.content.search), self.content.size

    def sample(self, count: int, seed: int = 0) -> list[Recipe]:
        """Return random recipes.

        Args:
            count: how many.
            seed: of the random numbers.

        Raises:
            BadInput: the space gives recipes that no training may have.
        """
        from bcauto.study.sampling import sample_at_random  # imports Optuna

        with in_python():
            try:
                return sample_at_random(self.content, count, seed)
            except BadInput as error:
                raise BadInput(f"{self.name}: {error}") from None

    def as_dict(self) -> dict[str, Any]:
        """Return what it holds as plain values, as ``bcauto space --json`` prints it."""
        found = self.content
        dimensions = {
            dimension: {**entry.model_dump(mode="json", exclude_none=True), "count": entry.count}
            for dimension, entry in found.search.items()
        }
        return {
            "space": self.name,
            "size": found.size,
            "dimensions": dimensions,
            "constants": found.recipe,
            "start": list(found.start),
            "left_out": starts_left_out(self.file),
            "proxy": found.proxy.model_dump(),
            "confirm": found.confirm.model_dump(),
            "export": found.export.model_dump(),
            "fingerprint": found.fingerprint,
        }

    def __fspath__(self) -> str:
        return os.fspath(self.file)

    def __repr__(self) -> str:
        size = "endless" if self.size is None else f"{self.size:,} recipes"
        return f"<bcauto space {self.file.stem}: {len(self.dimensions)} dimensions, {size}>"
