"""What was seen in a data set, as text on the screen."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rich.console import Console

from bcauto.display.tables import counted, open_console, print_facts, print_rows
from bcauto.inspection.collection import shown_class

__all__ = ["show_inspection"]

_NAMED = 8  # pictures or groups that are named on a line; --json has all
_TITLES = {
    "pictures": "pictures", "train": "train", "val": "val", "intruders": "intruders",
    "duplicates": "duplicates", "brightness": "brightness", "brightness_deviation": "±",
    "contrast": "contrast", "red": "red", "green": "green", "blue": "blue",
    "saturation": "saturation", "sharpness": "sharpness",
}  # fmt: skip

Seen = dict[str, Any]
"""What ``bcauto.inspection.plain.as_plain`` returns."""


def show_inspection(seen: Seen) -> None:
    """Print what was seen; pictures are named by their numbers."""
    console = open_console()
    _show_classes(console, seen)
    console.print()
    facts = {
        "sizes": _sizes(seen),
        "damaged": _listed(seen["damaged"]) if seen["damaged"] else "",
        "intruders": _intruders(seen),
        "exact duplicates": _groups(seen["duplicates"], "none"),
        "near duplicates": _near_duplicates(seen),
        "by other ways": _ways(seen["ways"][1:]),
        "features": seen["features"],
        "outliers": _outliers(seen["outliers"]["mahalanobis"], "by Mahalanobis distance"),
        "": _outliers(seen["outliers"]["class_mean"], "by distance from the class mean"),
        "label errors": _label_errors(seen["label_errors"]),
        "like": _like(seen["like"]) if seen["like"] else "",
        "written": _out(seen["out"]) if seen["out"] else "",
        "page": seen["page"] or "",
    }
    print_facts(console, {title: text for title, text in facts.items() if text})


def _show_classes(console: Console, seen: Seen) -> None:
    split = any(each["val"] for each in seen["classes"])
    titles = {key: title for key, title in _TITLES.items() if split or key not in ("train", "val")}
    rows = [
        {"class": each["name"], **{title: _number(each[key]) for key, title in titles.items()}}
        for each in seen["classes"]
    ]
    print_rows(console, rows, text=("class",), numbers={*titles.values()})


def _number(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:,}" if isinstance(value, int) else f"{value:.1f}"


def _sizes(seen: Seen) -> str:
    shown = [
        f"{each['height']} x {each['width']} px ({each['pictures']:,})" for each in seen["sizes"]
    ]
    return _listed(shown)


def _listed(words: Sequence[str]) -> str:
    more = len(words) - _NAMED
    rest = [f"and {more:,} more, which --json names"] if more > 0 else []
    return ", ".join([*words[:_NAMED], *rest])


def _intruders(seen: Seen) -> str:
    if not seen["intruders"]:
        return "none"
    total = sum(each["copies"] for each in seen["intruders"])
    lines = [f"{counted(total, 'picture')}, of {counted(len(seen['intruders']), 'content')}"]
    for each in seen["intruders"][:_NAMED]:
        classes = each["classes"]
        where = (
            f"in {len(classes)} classes" if len(classes) > 1 else f"all {shown_class(classes[0])}"
        )
        lines.append(f"{each['pictures'][0]}: {each['copies']:,} copies, {where}")
    return "\n".join([*lines, *_more(len(seen["intruders"]))])


def _groups(groups: Sequence[Sequence[int]], none: str) -> str:
    if not groups:
        return none
    spare = sum(len(group) - 1 for group in groups)
    shown = _listed([" = ".join(map(str, group[:_NAMED])) for group in groups])
    return f"{counted(spare, 'picture')} of {counted(len(groups), 'content')}: {shown}"


def _near_duplicates(seen: Seen) -> str:
    compared, distinct = seen["compared_for_near_duplicates"], seen["distinct"]
    groups = seen["near_duplicates"]
    shown = _listed([" ~ ".join(map(str, group[:_NAMED])) for group in groups])
    inside = sum(map(len, groups))
    said = f"{counted(inside, 'picture')} in {counted(len(groups), 'group')}: {shown}"
    part = distinct - len(seen["intruders"]) > compared
    limit = f" (only {compared:,} of {distinct:,} were compared with all others)" if part else ""
    return (said if groups else "none") + limit


def _ways(ways: Sequence[dict[str, Any]]) -> str:
    """Return a line for what each way finds."""
    lines = []
    for way in ways:
        crowds, pairs = len(way["crowds"]), len(way["pairs"])
        lines.append(
            f"{way['name']}: {counted(way['crowded'], 'picture')} in {counted(crowds, 'crowd')} "
            f"({way['intruders']:,} of them intruders), {counted(way['spare'], 'duplicate')} in "
            f"{counted(pairs, 'group')} ({way['duplicates']:,} of them exact)"
        )
    return "\n".join(lines)


def _outliers(outliers: dict[str, Any], how: str) -> str:
    rows = [f"{each['picture']} ({each['distance']:.1f})" for each in outliers["farthest"]]
    shown = ", ".join(rows[:_NAMED])
    return f"{outliers['far']} pictures are far {how}; the farthest: {shown}"


def _label_errors(found: dict[str, Any]) -> str:
    if found["reason"]:
        return f"not looked for: {found['reason']}"
    likely, worth = found["likely"], found["worth"]
    lines = [
        f"{counted(len(likely), 'label')} likely wrong (a model of the features agrees with "
        f"{found['accuracy']:.1%} of all labels)"
    ]
    for each in likely[:_NAMED]:
        chances = f"{each['probability_given']:.3f} against {each['probability_suggested']:.3f}"
        given, other = shown_class(each["class"]), shown_class(each["suggested"])
        lines.append(f"{each['picture']}: {given}, or {other}? {chances}")
    lines += _more(len(likely))
    if worth["flipped"]:
        right, held = f"{worth['precision']:.0%}", f"{worth['recall']:.0%}"
        lines.append(
            f"what such a list is worth here: of {worth['flipped']} labels changed on purpose it "
            f"held {held}; of its {worth['listed']} pictures {right} were these"
        )
    return "\n".join(lines)


def _like(like: dict[str, Any]) -> str:
    rows = [f"{each['picture']} ({each['cosine']:.3f})" for each in like["nearest"]]
    shown = ", ".join(rows[:_NAMED])
    count = counted(like["count"], "picture")
    return f"{count} like {like['named']} (cosine {like['above']:g} or more); nearest: {shown}"


def _out(out: dict[str, Any]) -> str:
    return f"{out['file']}, without {counted(out['count'], 'picture')}; it says which, and why"


def _more(count: int) -> list[str]:
    return [f"and {count - _NAMED:,} more, which --json names"] if count > _NAMED else []
