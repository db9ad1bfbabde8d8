"""Pictures that the winner takes for another class, and what turns one that it knew."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from bcauto.page.parts import Block, Heading, Picture, Pictures, Text
from bcauto.page.thumbnail import thumbnail
from bcauto.plots.grid import Row, draw_grid, drawable
from bcauto.proxy.proxy import Integers
from bcauto.report.look import Look, Seen
from bcauto.report.missing import Missing

__all__ = ["flips", "mistakes_sheet", "worst_mistakes"]

_SHOWN = 12  # mistakes of a kind
_CELLS = 4  # whose copies are shown
_COPIES = 8  # of each
_CONFUSIONS = 10  # rows of the sheet of mistakes


def worst_mistakes(look: Look, names: tuple[str, ...]) -> Iterator[Block]:
    """Yield the surest mistakes, on clean and on corrupted pictures."""
    yield Heading("Its worst mistakes")
    kinds = {"corrupted": look.corrupted}
    if not isinstance(look.clean, Missing):
        kinds = {"clean": look.clean, **kinds}
    for kind, seen in kinds.items():
        wrong = np.flatnonzero(seen.predicted != seen.labels)
        if not len(wrong):
            yield Text(f"It makes no mistake on the {len(seen.labels)} {kind} pictures.")
            continue
        surest = wrong[np.argsort(-seen.sure[wrong], kind="stable")][:_SHOWN]
        pictures = tuple(_picture(look, seen, int(at), names) for at in surest)
        yield Pictures(
            f"The surest mistakes on {kind} pictures, of {len(wrong)} among {len(seen.labels)}: "
            "the true class, and what the model takes it for, with which probability.",
            pictures,
        )


def mistakes_sheet(look: Look, names: tuple[str, ...]) -> NDArray[np.uint8] | None:
    """Draw the surest mistakes on corrupted pictures, a row for each of the commonest confusions.

    Returns:
        (h, w, 3) uint8 RGB; None where it makes no mistake.
    """
    seen = look.corrupted
    wrong = seen.predicted != seen.labels
    pairs = Counter(zip(seen.labels[wrong].tolist(), seen.predicted[wrong].tolist(), strict=True))
    rows = []
    for (truth, said), count in pairs.most_common(_CONFUSIONS):
        places = np.flatnonzero((seen.labels == truth) & (seen.predicted == said))
        surest = places[np.argsort(-seen.sure[places], kind="stable")][:_COPIES]
        copies = int((seen.labels == truth).sum())
        note = f"taken for {drawable(names[said])} in {count} of {copies}; the surest first"
        rows.append(Row(drawable(names[truth]), seen.images[surest], note))
    return draw_grid(rows) if rows else None


def flips(look: Look, names: tuple[str, ...]) -> Iterator[Block]:
    """Yield pictures that the model knows as they are, beside the copies that it does not know."""
    yield Heading("The same picture, and what turns it")
    clean, copies = look.clean, look.corrupted
    if isinstance(clean, Missing):
        yield Text(f"This needs the clean pictures: {clean.reason}.", "note")
        return
    known = clean.base[clean.predicted == clean.labels]
    wrong = copies.predicted != copies.labels
    turned = [(int(base), np.flatnonzero(wrong & (copies.base == base))) for base in known]
    turned = sorted((each for each in turned if len(each[1])), key=lambda each: -len(each[1]))
    if not turned:
        yield Text("No picture that it knows as it is is taken for another class when corrupted.")
        return
    for base, places in _of_different_classes(turned, clean)[:_CELLS]:
        yield _strip(look, clean, base, places, names)


def _of_different_classes(
    turned: list[tuple[int, Integers]], clean: Seen
) -> list[tuple[int, Integers]]:
    """Return the same with the first of each class in front."""
    labels = dict(zip(clean.base.tolist(), clean.labels.tolist(), strict=True))
    first: dict[int, int] = {}
    for base, _ in turned:
        first.setdefault(labels[base], base)
    return sorted(turned, key=lambda each: each[0] not in first.values())


def _strip(
    look: Look, clean: Seen, base: int, places: Integers, names: tuple[str, ...]
) -> Pictures:
    at = int(np.flatnonzero(clean.base == base)[0])
    name = names[clean.labels[at]]
    original = Picture(
        thumbnail(clean.images[at]),
        f"a picture of {name} as it is",
        f"as it is: {name} ({clean.sure[at]:.2f})",
    )
    surest = places[np.argsort(-look.corrupted.sure[places], kind="stable")][:_COPIES]
    copies = (_picture(look, look.corrupted, int(place), names) for place in surest)
    copied = int((look.corrupted.base == base).sum())
    return Pictures(
        f"{name}: known as it is, and taken for another class in {len(places)} of its {copied} "
        "corrupted copies.",
        (original, *copies),
        one_row=True,
    )


def _picture(look: Look, seen: Seen, at: int, names: tuple[str, ...]) -> Picture:
    truth, said = names[seen.labels[at]], names[seen.predicted[at]]
    corruption = ""
    if seen.corruption[at] >= 0:
        each = look.proxy.corruptions[seen.corruption[at]]
        corruption = f", {each.corruption.replace('_', ' ')} {each.severity}"
    return Picture(
        thumbnail(seen.images[at]),
        f"a picture of {truth}{corruption}, taken for {said}",
        f"{truth}{corruption}, taken for {said} ({seen.sure[at]:.2f})",
    )
