"""The model card: for whom a model is, what it was made of, what it scored, what it cannot do."""

from __future__ import annotations

from dataclasses import fields

from bcauto.data.cleaning import Cleaning
from bcauto.export.card.metadata import metadata
from bcauto.export.card.scores import scores
from bcauto.export.card.subject import Subject
from bcauto.export.card.tables import table
from bcauto.results.state import trials_left

__all__ = ["model_card"]

_RESIZED = {
    "stretch": "stretched",
    "fit": "shown whole, between borders",
    "crop": "cut to their middle",
}


def model_card(subject: Subject) -> str:
    """Return ``MODEL_CARD.md``: metadata, and sections in the order of Hugging Face's template."""
    name, classes = subject.opened.folder.name, len(subject.data.class_names)
    label = subject.entry.recipe.model.label
    recipe = subject.entry.in_words(subject.opened.record.settings.weights)
    sections = {
        "What it is for": _purpose(subject),
        "Limits": _limits(subject),
        "Data": _data(subject),
        "Recipe": [" ".join(recipe), "", "All of it is in `recipe.toml`."],
        "Scores": scores(subject),
        "How it was chosen": _choice(subject),
        **({"Formats": _formats(subject)} if subject.formats else {}),
        "Versions": [
            ", ".join(f"{name} {text}" for name, text in subject.opened.record.versions.items())
            + ". They are those that began the study."
        ],
    }
    lines = [*metadata(subject), "", f"# {name}: {label} for {classes} classes", ""]
    for title, body in sections.items():
        lines += [f"## {title}", "", *body, ""]
    return "\n".join(lines).rstrip() + "\n"


def _purpose(subject: Subject) -> list[str]:
    height, width = subject.data.image_size
    rows = [[str(index), name] for index, name in enumerate(subject.data.class_names)]
    return [
        f"It tells apart {len(rows)} classes of small pictures. Its recipe was searched by bcauto "
        "for pictures that are worse than those it was trained on: out of focus, badly lit, noisy, "
        "in other colours, partly hidden.",
        "",
        f"It takes RGB of 0 to 255, (n, {height}, {width}, 3), without further preprocessing, and "
        "gives the probability of each class, in this order:",
        "",
        *table(["index", "class"], rows),
    ]


def _limits(subject: Subject) -> list[str]:
    repeats, left = subject.opened.leaderboard.repeats, trials_left(subject.opened)
    limits = [
        "It was tried on the validation pictures of one data set only, and on computed corruptions "
        "of them. Nothing is known of another source: another microscope, stain, camera or patient "
        "group needs a test of its own, such as `bcauto evaluate`.",
        "Every picture gets one of the classes, also one that shows none of them.",
        "Its probabilities are not calibrated for pictures of another source.",
        "It was not made or tested for diagnosis, or for any other decision about people.",
    ]
    if subject.opened.record.settings.data is None:
        limits.insert(0, "It was trained on painted pictures, and knows no real ones.")
    if left:
        limits.append(
            f"Its search is not finished: {left} of {subject.opened.record.settings.trials} trials "
            "are missing, and another recipe may turn out better."
        )
    if repeats.left:
        limits.append(
            f"Its confirmation is not finished: {repeats.done} of {repeats.wanted} repeats are "
            "done, and another recipe may turn out better."
        )
    return [f"- {limit}" for limit in limits]


def _data(subject: Subject) -> list[str]:
    data, settings = subject.data, subject.opened.record.settings
    height, width = data.image_size
    known = {each.name for each in fields(Cleaning)}
    counts = {key: value for key, value in data.cleaning.items() if key in known}
    cleaning = [f"Cleaning {Cleaning(**counts).summary()}."] if counts else []
    return [
        f"`{subject.source}`: {data.train} pictures to train on and {data.val} to validate, at "
        f"{height} x {width} px. Pictures of another shape were {_RESIZED[settings.resize]}.",
        *cleaning,
        "No picture is on both sides of the split, not even nearly"
        f"{', and no group of pictures' if settings.groups else ''}.",
        f"Its fingerprint is `{data.fingerprint[:16]}`.",
    ]


def _choice(subject: Subject) -> list[str]:
    settings, board = subject.opened.record.settings, subject.opened.leaderboard
    again, combined = subject.entry.confirmed, subject.combined
    lines = [
        f"{len(board.entries)} trials of the space `{settings.space}`, sampled by "
        f"{settings.sampler} with seed {settings.seed}, were trained and scored on corrupted "
        f"validation pictures. This is the recipe of trial {subject.entry.number}."
    ]
    if board.winner and board.winner != subject.entry:
        lines.append(f"It was asked for by its number; the winner is trial {board.winner.number}.")
    if again:
        times = {1: "once", 2: "twice"}.get(len(again.runs), f"{len(again.runs)} times")
        count = len(board.confirmed) - 1
        more = {1: ", as was one other of the best"}
        others = more.get(count, f", as were {count} others of the best") if count > 0 else ""
        lines.append(
            f"It was trained again {times} on other seeds{others}, and scored on newly made "
            "corruptions."
        )
    else:
        lines.append("It was not trained again, so luck may have chosen it.")
    lines.append(f"The model is {subject.model.name}.")
    if again and len(again.runs) > 1 and not combined:
        lines.append("Of its repeats it is the one whose score is nearest to their mean.")
    if combined and not combined.alone:
        lines.append(
            f"The combination was proposed on {combined.chosen.proposed_on}, and taken because it "
            f"also won on {combined.chosen.decided_on}."
        )
    return lines


def _formats(subject: Subject) -> list[str]:
    rows = [
        [
            f"`{each.file}`",
            f"{each.bytes / 1e6:.2f}",
            f"{each.milliseconds:.2f}",
            "-" if each.largest_difference is None else f"{each.largest_difference:.1e}",
            f"{each.same_labels:.2%}",
            "-" if each.score is None else f"{each.score:.4f}",
        ]
        for each in subject.formats
    ]
    classes_only = any(each.score is None for each in subject.formats)
    titles = ["file", "MB", "ms a picture", "largest difference", "same label", "score"]
    return [
        "Each was run in its own runtime on one corrupted copy of each validation picture, and "
        "compared with Keras: the largest difference of a probability, the share of pictures with "
        "the same label, and the score there. Times are of the machine that exported it."
        + " Where there is none, a format gives classes only."
        * classes_only,
        "",
        *table(titles, rows),
    ]
