"""What the user gave a search, merged with what its study has stored, and checked."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bcauto.data.groups import absolute_groups, group_file
from bcauto.errors import BadInput, did_you_mean
from bcauto.hardware import count_gpus
from bcauto.io.disk import check_room, existing_part
from bcauto.io.toml import checked
from bcauto.space.files import HYPERMODEL_SPACE, find_space
from bcauto.storage.connect import absolute, check_exists, check_storage
from bcauto.storage.url import redacted
from bcauto.study.effort import with_effort
from bcauto.study.folder import StudyFolder, check_name, existing_studies, make_name
from bcauto.study.settings import OWN_STORAGE, Settings, StudyRecord

__all__ = ["Inputs", "default_name", "read_inputs"]

_BUILT_IN = "built-in"  # in a study's name, for the built-in cells
_CLUSTER_TIMEOUT = 5.0  # seconds
_NO_FOLDER = ("imagenet", "none")  # weights that are no path


@dataclass(frozen=True, kw_only=True)
class Inputs:
    """The settings of a search, and where its study lies.

    Attributes:
        folder: of the study.
        stored: what the study has stored; None for a new study.
        settings: what the user gave; the rest as stored, or else the defaults.
        space_file: the file of the space.
        url: of the storage, with its password, which only this process knows.
    """

    folder: StudyFolder
    stored: StudyRecord | None
    settings: Settings
    space_file: Path
    url: str = field(repr=False)


def read_inputs(given: Mapping[str, Any], studies: Path, study: str | None) -> Inputs:
    """Return the settings of a search, after every check that needs neither data nor space.

    Args:
        given: the settings that the user gave, by the names of ``Settings``.
        studies: folder of the studies.
        study: name of the study; None for a name made of data and space.

    Raises:
        BadInput: a setting breaks a rule, or disk, cluster or storage cannot be used.
    """
    given = with_effort(_with_absolute_paths(given))
    name = check_name(default_name(given) if study is None else study)
    folder = StudyFolder((studies / name).resolve())
    stored = StudyRecord.read(folder) if folder.record.exists() else None
    if study is not None and stored is None:
        _check_not_mistyped(name, given, studies)
    settings = _merged(given, stored)
    if stored:
        _check_not_moved(stored.settings, given, name)
    url = settings.storage_url(folder, given.get("storage"))
    own_copy = stored is not None and "space" not in given
    space_file = folder.space if own_copy else find_space(settings.space)
    _check_disk(studies, folder)
    _check_cluster(settings.ray_address)
    _check_storage(url, settings, stored)
    return Inputs(folder=folder, stored=stored, settings=settings, space_file=space_file, url=url)


# --- the settings ------------------------------------------------------------------------------


def _with_absolute_paths(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the same with absolute paths, so that the study can be resumed from anywhere."""
    found = dict(given)
    for key in ("data", "labels", "weights", "proxy_data", "proxy_add"):
        if given.get(key) and given[key] not in _NO_FOLDER:
            found[key] = str(Path(given[key]).resolve())
    if given.get("groups"):
        found["groups"] = absolute_groups(given["groups"])
    if "storage" in given:
        found["storage"] = absolute(given["storage"])
    if given.get("hypermodel"):
        found["hypermodel_folder"] = str(Path.cwd())
    return found


def _merged(given: Mapping[str, Any], stored: StudyRecord | None) -> Settings:
    if stored is None:
        rest = {"space": _default_space(given)}
    else:
        rest = stored.settings.model_dump(exclude={"timeout"})  # a time limit is that of one run
    no_password = {"storage": redacted(given["storage"])} if "storage" in given else {}
    return checked(Settings, {**rest, **given, **no_password}, "search")


def default_name(given: Mapping[str, Any]) -> str:
    """Return the name of a study that was given none, made of its data and its space."""
    data = Path(given["data"]).stem if given.get("data") else _BUILT_IN
    if given.get("hypermodel"):
        return make_name(data, given["hypermodel"].rpartition(":")[2])
    return make_name(data, Path(given.get("space") or _default_space(given)).stem)


def _default_space(given: Mapping[str, Any]) -> str:
    if given.get("hypermodel"):
        return HYPERMODEL_SPACE
    if not given.get("data"):
        return "quick"
    return "full" if count_gpus() else "small"


# --- the checks --------------------------------------------------------------------------------


def _check_not_mistyped(name: str, given: Mapping[str, Any], studies: Path) -> None:
    """Refuse a name that no study has, unless the options say what a new study begins with."""
    if any(given.get(key) for key in ("data", "space", "hypermodel")):
        return
    existing = existing_studies(studies)
    known = did_you_mean(name, existing) if existing else "there is none yet"
    rule = f"a study begins with --data or --space, and no study {name!r} is in {studies}"
    raise BadInput(f"{rule}; {known}")


def _check_not_moved(stored: Settings, given: Mapping[str, Any], name: str) -> None:
    """Check that the files which a study was begun with are where they were, or given anew."""
    for key in ("data", "labels", "weights", "proxy_data", "proxy_add"):
        path = getattr(stored, key)
        if path and path not in _NO_FOLDER and key not in given and not Path(path).exists():
            option = f"--{key.replace('_', '-')}"
            rule = f"study {name!r} was begun with {option} {path}, which is no longer there"
            raise BadInput(f"{rule}; give {option} with its new place")
    file = group_file(stored.groups) if stored.groups else None
    if file and "groups" not in given and not file.exists():
        rule = f"study {name!r} was begun with --groups {stored.groups}, which is no longer there"
        raise BadInput(f"{rule}; give --groups with its new place")


def _check_disk(studies: Path, folder: StudyFolder) -> None:
    existing = existing_part(studies)
    if not (existing.is_dir() and os.access(existing, os.W_OK)):
        raise BadInput(f"--studies-dir must be a folder that can be written to, got {studies}")
    check_room(folder.path)


def _check_cluster(address: str) -> None:
    """Make sure that something listens at the address, since Ray itself tries for minutes."""
    if address in ("local", "auto"):
        return
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host, int(port)), timeout=_CLUSTER_TIMEOUT).close()
    except (OSError, ValueError) as error:
        rule = "--ray-address must be local, auto or the HOST:PORT of a running cluster"
        raise BadInput(f"{rule}, got {address!r} ({error})") from None


def _check_storage(url: str, settings: Settings, stored: StudyRecord | None) -> None:
    """Make sure that the storage can be used; a new study's own is yet to be made.

    A storage other than the stored one need not exist: it is refused later, as the study's
    identity differs.
    """
    if stored and stored.settings.storage == settings.storage:
        check_exists(url)  # or it would be made, and the study begin again
    if stored or settings.storage != OWN_STORAGE:
        check_storage(url)
