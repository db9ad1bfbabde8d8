"""How a picture may lie beside another: turned, mirrored, shifted."""

from __future__ import annotations

from itertools import product
from typing import Any, NamedTuple

from numpy.typing import NDArray

__all__ = ["TURNS", "Pose", "Turn"]


class Turn(NamedTuple):
    """One of the eight symmetries of the square: axes are swapped first, then reversed."""

    swapped: bool
    upside_down: bool
    mirrored: bool

    def __call__(self, pixels: NDArray[Any]) -> NDArray[Any]:
        """Return a view of ``pixels`` (h, w) or (h, w, c), turned."""
        if self.swapped:
            pixels = pixels.swapaxes(0, 1)
        return pixels[:: -1 if self.upside_down else 1, :: -1 if self.mirrored else 1]


TURNS = tuple(Turn(*flags) for flags in product((False, True), repeat=3))
"""All eight; the first changes nothing."""

_QUARTERS = {  # by whether the picture is mirrored first, and the number of quarters as np.rot90's
    (False, 0): Turn(False, False, False),
    (False, 1): Turn(True, True, False),
    (False, 2): Turn(False, True, True),
    (False, 3): Turn(True, False, True),
    (True, 0): Turn(False, False, True),
    (True, 1): Turn(True, False, False),
    (True, 2): Turn(False, True, False),
    (True, 3): Turn(True, True, True),
}


class Pose(NamedTuple):
    """About how a picture has to be moved to fit another: mirrored first, then turned.

    Attributes:
        mirrored: whether left and right are exchanged.
        angle: counter-clockwise, in degrees.
        shift: of its middle before that, down and across, as parts of the side.
    """

    mirrored: bool = False
    angle: float = 0.0
    shift: tuple[float, float] = (0.0, 0.0)

    @property
    def quarters(self) -> int:
        """The number of quarter turns that come closest."""
        return round(self.angle / 90)

    @property
    def turn(self) -> Turn:
        """The symmetry of the square that comes closest."""
        return _QUARTERS[self.mirrored, self.quarters % 4]

    @property
    def rest(self) -> float:
        """How many degrees are left after the quarter turns, -45 to 45."""
        return self.angle - 90 * self.quarters
