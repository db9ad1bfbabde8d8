"""The page of an inspection: one HTML file with pictures, maps and tables."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from bcauto.data.cleaning import MANY_COPIES
from bcauto.inspection.collection import Collection
from bcauto.inspection.figures import count_figure, pca_figure, tsne_figure
from bcauto.inspection.inspect import Inspection
from bcauto.inspection.outliers import Outliers
from bcauto.inspection.statistics import count_sizes
from bcauto.page.parts import (
    Block,
    Column,
    Facts,
    Heading,
    Page,
    Picture,
    Pictures,
    Section,
    Table,
    Text,
)
from bcauto.page.render import write_page
from bcauto.page.thumbnail import thumbnail

__all__ = ["inspection_page", "write_inspection"]

_SHEET = 24  # pictures of a contact sheet
_OF_CLASS = 8  # examples of a class
_MOST_CLASSES = 30  # of which examples are shown
_GROUPS = 12  # groups of copies that are shown
_OF_GROUP = 4  # pictures of such a group
_ROWS = 300  # of a table
_TITLES = {"brightness_deviation": "±"}


def write_inspection(path: Path, inspection: Inspection) -> None:
    """Write the page of an inspection.

    Raises:
        BadInput: the file cannot be written.
    """
    write_page(path, inspection_page(inspection))


def inspection_page(inspection: Inspection) -> Page:
    """Return what is on the page."""
    collection = inspection.collection
    height, width = collection.image_size
    sections = [
        Section("content", "What is in it?", _content(inspection)),
        Section("copies", "What is there several times?", _copies(inspection)),
        Section("map", "What is like what?", _maps(inspection)),
        Section("outliers", "What is far from the rest?", _outliers(inspection)),
        Section("labels", "Which labels may be wrong?", _labels(inspection)),
    ]
    if inspection.compared.similar:
        sections.append(Section("like", "What is like the named picture?", _similar(inspection)))
    steps = ", ".join(f"{name} {spent:.1f} s" for name, spent in inspection.seconds.items())
    return Page(
        title=f"Data {inspection.path.name}",
        lead=f"{len(collection):,} pictures of {height} x {width} px in "
        f"{len(collection.class_names)} classes. Numbers are places in the data, from 0.",
        sections=tuple(sections),
        foot=f"Features: {inspection.compared.features}. {steps}.",
    )


def _content(inspection: Inspection) -> tuple[Block, ...]:
    collection, copies = inspection.collection, inspection.copies
    facts = {
        "pictures": f"{len(collection):,}",
        "intruders": f"{int(copies.intruding.sum()):,}",
        "exact duplicates": f"{len(copies.spare):,}",
        "near duplicates": f"{sum(map(len, inspection.near.groups)):,}",
        "damaged": f"{len(collection.damaged):,}",
    }
    titles = (
        "pictures", "train", "val", "intruders", "duplicates", "brightness",
        "brightness_deviation", "contrast", "red", "green", "blue", "saturation", "sharpness",
    )  # fmt: skip
    split = collection.training < len(collection)
    shown = [title for title in titles if split or title not in ("train", "val")]
    table = Table(
        "Brightness, contrast and colours are 0 to 255, means over the pictures of a class, each "
        "content once and without intruders",
        (Column("class"), *(Column(_TITLES.get(each, each), True, 1) for each in shown)),
        tuple(
            (each.name, *(getattr(each, title) for title in shown)) for each in inspection.classes
        ),
    )
    sizes = Table(
        "Sizes before pictures were resized",
        (Column("height, px", True), Column("width, px", True), Column("pictures", True)),
        tuple(count_sizes(collection)[:_ROWS]),
    )
    several = [sizes] if len(sizes.rows) > 1 else []
    return (Facts(facts), count_figure(inspection), table, *several, *_examples(inspection))


def _examples(inspection: Inspection) -> list[Block]:
    """Return some pictures of each class, evenly taken from its genuine ones."""
    collection, genuine = inspection.collection, inspection.copies.genuine
    found: list[Block] = []
    for at in range(len(collection.class_names))[:_MOST_CLASSES]:
        numbers = genuine[collection.labels[genuine] == at]
        step = max(1, len(numbers) // _OF_CLASS)
        some = numbers[::step][:_OF_CLASS].tolist()
        sheet = [_picture(collection, number, f"#{number}") for number in some]
        found.append(Pictures(f"Examples of {collection.shown_class(at)}", tuple(sheet)))
    return found


def _copies(inspection: Inspection) -> tuple[Block, ...]:
    collection, copies, near = inspection.collection, inspection.copies, inspection.near
    blocks: list[Block] = []
    if copies.intruders:
        total = int(copies.intruding.sum())
        blocks.append(
            Text(
                f"{total:,} copies of {len(copies.intruders)} intruders belong to no class.", "lead"
            )
        )
        sheet = []
        for group in copies.intruders[:_SHEET]:
            classes = {collection.shown_class_of(number) for number in group}
            where = f"{len(classes)} classes" if len(classes) > 1 else classes.pop()
            sheet.append(
                _picture(collection, group[0], f"#{group[0]}: {len(group)} copies, {where}")
            )
        blocks.append(Pictures("Intruders: one copy of each", tuple(sheet)))
    else:
        blocks.append(Text("No intruders: no picture is there many times or in several classes."))
    blocks += _groups(collection, "Exact duplicates", copies.duplicates)
    blocks += _groups(collection, "Near duplicates", near.groups)
    distinct = len(copies.genuine)
    if near.compared < distinct:
        limit = f"Only {near.compared:,} of {distinct:,} pictures were compared with all others."
        blocks.append(Text(limit, "note"))
    return (*blocks, *_ways(inspection))


def _ways(inspection: Inspection) -> list[Block]:
    """Return a table of how many copies each way finds."""
    rows = []
    for way in inspection.compared.ways:
        found = way.beside(inspection.copies)
        counts = (found.crowded, found.intruders, found.spare, found.duplicates)
        rows.append((way.name, *counts, way.seconds, way.rule))
    columns = (
        Column("way"), Column("in crowds", True), Column("intruders", True),
        Column("duplicates by it", True), Column("exact ones", True), Column("seconds", True, 1),
        Column("two pictures are copies if"),
    )  # fmt: skip
    said = (
        "Copies that were changed, such as by compression, are not equal in every pixel. These "
        f"ways look for them, too: a crowd is a group of {MANY_COPIES} or more. Where a way finds "
        "more than equal pixels do, look at it; where it finds pictures that are no copies, it is "
        "too weak for this data."
    )
    return [Heading("Copies by several ways"), Text(said), Table("Ways", columns, tuple(rows))]


def _groups(collection: Collection, title: str, groups: Sequence[tuple[int, ...]]) -> list[Block]:
    if not groups:
        return [Text(f"{title}: none.")]
    sheet = [
        _picture(collection, number, f"#{number}: {collection.shown_class_of(number)}")
        for group in groups[:_GROUPS]
        for number in group[:_OF_GROUP]
    ]
    rows = tuple(
        (len(group), ", ".join(map(str, group[:_SHEET])), _classes(collection, group))
        for group in groups[:_ROWS]
    )
    columns = (Column("pictures", True), Column("numbers"), Column("classes"))
    return [
        Heading(title),
        Pictures(f"{title}, one group behind the other", tuple(sheet)),
        Table(f"{title}: {len(groups)} groups", columns, rows),
    ]


def _classes(collection: Collection, group: Iterable[int]) -> str:
    return ", ".join(sorted({collection.class_of(number) for number in group}))


def _maps(inspection: Inspection) -> tuple[Block, ...]:
    said = (
        f"Pictures are compared by these features: {inspection.compared.features}. Point at one "
        "for its number and name."
    )
    figures = [tsne_figure(inspection), pca_figure(inspection)]
    return (Text(said), *(figure for figure in figures if figure))


def _outliers(inspection: Inspection) -> tuple[Block, ...]:
    collection = inspection.collection
    return (
        Text(
            "The farthest pictures first, each content once. Far is no fault: a rare but good "
            "picture is far, too. Look for what belongs to no class, is empty, or is cut."
        ),
        *_ranked(
            collection, "By Mahalanobis distance from all pictures", inspection.compared.mahalanobis
        ),
        *_ranked(collection, "By distance from the class mean", inspection.compared.class_mean),
    )


def _ranked(collection: Collection, title: str, outliers: Outliers) -> list[Block]:
    rows = zip(outliers.numbers.tolist(), outliers.distances.tolist(), strict=True)
    sheet = [
        _picture(
            collection, number, f"#{number}: {collection.shown_class_of(number)}, {distance:.1f}"
        )
        for number, distance in list(rows)[:_SHEET]
    ]
    return [
        Heading(title),
        Pictures(
            f"{outliers.far} pictures are farther than chance lets expect; the {len(sheet)} "
            "farthest, with number, class and distance",
            tuple(sheet),
        ),
    ]


def _labels(inspection: Inspection) -> tuple[Block, ...]:
    collection, found = inspection.collection, inspection.compared.label_errors
    if found.reason:
        return (Text(f"Not looked for: {found.reason}.", "note"),)
    worth = found.worth
    blocks: list[Block] = [Text(f"{len(found.errors):,} labels are likely wrong.", "lead")]
    if worth and worth.flipped:
        blocks.append(
            Text(
                f"What such a list is worth here: {worth.flipped} labels were changed on purpose. "
                f"The list then held {worth.recall:.0%} of them, and {worth.precision:.0%} of its "
                f"{worth.listed} pictures were these; others were in it before. It says where to "
                "look, not what to delete.",
                "note",
            )
        )
    sheet, rows = [], []
    for each in found.errors[:_ROWS]:
        given, other = map(collection.shown_class, (each.given, each.suggested))
        sheet.append(_picture(collection, each.number, f"#{each.number}: {given}, or {other}?"))
        chances = (each.probability_given, each.probability_suggested)
        rows.append((each.number, collection.names[each.number], given, other, *chances))
    columns = (
        Column("number", True), Column("name"), Column("label"), Column("more likely"),
        Column("its probability", True, 3), Column("the other's", True, 3),
    )  # fmt: skip
    if rows:
        blocks.append(Pictures("The surest first: label, or what is likelier", tuple(sheet[:36])))
        blocks.append(Table(f"Likely label errors, {len(rows)} of them", columns, tuple(rows)))
    return tuple(blocks)


def _similar(inspection: Inspection) -> tuple[Block, ...]:
    collection, similar = inspection.collection, inspection.compared.similar
    assert similar is not None
    rows = zip(similar.numbers.tolist(), similar.similarities.tolist(), strict=True)
    sheet = [
        _picture(
            collection, number, f"#{number}: {collection.shown_class_of(number)}, {cosine:.3f}"
        )
        for number, cosine in list(rows)[:_SHEET]
    ]
    said = (
        f"{similar.count:,} pictures are like {similar.named.text}: the cosine of their features "
        f"is {similar.named.above:g} or more."
    )
    return (Text(said, "lead"), Pictures("The nearest, with their cosines", tuple(sheet)))


def _picture(collection: Collection, number: int, caption: str) -> Picture:
    alt = f"Picture {number}, labelled {collection.shown_class_of(number)}"
    return Picture(thumbnail(collection.images[number]), alt, caption)
