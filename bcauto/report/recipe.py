"""Which recipe? The winner's, in words and as TOML, and what to do with it."""

from __future__ import annotations

from bcauto.display.next_command import next_command
from bcauto.page.parts import Block, Code, Heading, Items, Section, Text
from bcauto.report.subject import Subject
from bcauto.results.state import State

__all__ = ["which_recipe"]


def which_recipe(subject: Subject) -> Section:
    """Return the section."""
    won, blocks = subject.board.winner, list[Block]()
    if won is None:
        blocks.append(Text("There is no recipe to show before a trial is complete.", "note"))
    else:
        told = won.in_words(subject.opened.record.settings.weights)
        blocks.append(Text(f"The recipe of trial {won.number}, in words:"))
        blocks.append(Items(tuple(told)))
        blocks.append(Text("The same as TOML, which bcauto train reads:"))
        blocks.append(Code("recipe as TOML", won.recipe.to_toml().strip()))
    blocks.append(Heading("How to go on"))
    blocks += _next(subject)
    return Section("recipe", "Which recipe?", tuple(blocks))


def _next(subject: Subject) -> list[Block]:
    folder, blocks = subject.opened.folder, list[Block]()
    if subject.board.entries:
        blocks.append(Text("Write the model, its recipe and its model card to a folder:"))
        blocks.append(Code("command that exports", next_command("best", folder, "--export")))
        blocks.append(Text("Predict new pictures with it:"))
        blocks.append(Code("command that predicts", next_command("predict", folder, "PICTURES")))
    more = "Search on, for more trials:"
    if subject.state != State.FINISHED:
        more = "Go on with the search where it stopped, or look again when it is over:"
    blocks.append(Text(more))
    trials = subject.counted.target * (2 if subject.state == State.FINISHED else 1)
    blocks.append(Code("command that searches", _search_command(subject, trials)))
    return blocks


def _search_command(subject: Subject, trials: int) -> str:
    words = next_command("search", subject.opened.folder, "--trials", str(trials))
    return words.replace("bcauto search ", "bcauto search --study ", 1)
