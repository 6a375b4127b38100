"""Checkpoints of a hub on this machine: pinned when first fetched, found by their pins ever after, without a network.

A pin is the commit that a revision ("main", a tag) stood for when it was fetched; weights.lock.json holds them, to be
kept under version control beside params.yaml.
"""

from __future__ import annotations

import fcntl
import os
import re
from contextlib import suppress
from pathlib import Path

from engine.stage import ChainError
from engine.storage import Folder, StorageError

_NAME = r"[A-Za-z0-9][\w.-]*"
_ID = re.compile(rf"{_NAME}/{_NAME}(@[\w./-]+)?")
_COMMIT = re.compile(r"[0-9a-f]{40}")

# What is fetched of a repository, from its root alone: one set of weights, and what goes with it. No pickle, no code.
FETCHED = ("model.safetensors", "model-*.safetensors", "*.json", "*.txt", "*.model", "*.jinja")
NESTED = "*/*"


def is_id(weights: str) -> bool:
    """Whether it has the form owner/name or owner/name@revision."""
    return _ID.fullmatch(weights) is not None


def is_wanted(weights: str) -> bool:
    """Whether it names a checkpoint of a hub, and no folder that happens to have such a name."""
    return is_id(weights) and not Path(weights).expanduser().is_dir()


def is_commit(revision: str) -> bool:
    """Whether it names a state of a repository for good."""
    return _COMMIT.fullmatch(revision) is not None


def split(weights: str) -> tuple[str, str]:
    """owner/name and revision; "main" where none is given."""
    name, _, revision = weights.partition("@")
    return name, revision or "main"


def pins_file() -> Path:
    """Where the pins stand: $FLD_PINS, else weights.lock.json in the working directory, beside params.yaml."""
    return Path(os.environ.get("FLD_PINS") or "weights.lock.json")


def pins() -> dict[str, str]:
    """The commit of each "owner/name@revision" that was ever fetched."""
    path = pins_file().absolute()
    try:
        found = Folder.at(path.parent).read_json(path.name)
    except StorageError as error:
        raise ChainError(f"the pins of weights: {error}") from error
    if found is None:
        return {}
    if not isinstance(found, dict) or not all(isinstance(value, str) and is_commit(value) for value in found.values()):
        raise ChainError(f"{path} holds no pins ('owner/name@main': commit); mend it, or remove it and fetch again")
    return found


def pinned(weights: str) -> str | None:
    """The commit that a hub id stands for here; None if it was never fetched."""
    name, revision = split(weights)
    return revision if is_commit(revision) else pins().get(f"{name}@{revision}")


def pin(weights: str, commit: str) -> None:
    """Note the commit that a hub id stands for from now on. Two that fetch at once keep each other's pins."""
    name, revision = split(weights)
    if is_commit(revision):
        return
    path = pins_file().absolute()
    path.parent.mkdir(parents=True, exist_ok=True)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        with suppress(OSError):  # a file system without locks
            fcntl.flock(folder, fcntl.LOCK_EX)
        new = dict(sorted({**pins(), f"{name}@{revision}": commit}.items()))
        if new != pins():
            Folder.at(path.parent).write_json(path.name, new)
    finally:
        os.close(folder)


def cached(weights: str, who: str) -> tuple[Path, str]:
    """The folder and the commit of a checkpoint that was fetched; ChainError, with the command, if it was not."""
    name, commit = split(weights)[0], pinned(weights)
    folder = snapshot(name, commit) if commit else None
    if folder and commit:
        return folder, commit
    lacks = f"its commit {commit[:12]} is not wholly on this machine" if commit else f"{pins_file()} has no pin of it"
    raise ChainError(
        f"{who}: there is no folder {weights}, and if it is meant as a hub id: {lacks}. Where there is a network: "
        f"`fld fetch {weights}`"
    )


def snapshot(name: str, commit: str) -> Path | None:
    """The folder of a commit's files in the hub's cache; None if it is not there or not whole."""
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HFValidationError, LocalEntryNotFoundError

    try:
        return Path(
            snapshot_download(
                name, revision=commit, local_files_only=True, allow_patterns=list(FETCHED), ignore_patterns=[NESTED]
            )
        )
    except LocalEntryNotFoundError:
        return None
    except HFValidationError as error:
        raise ChainError(f"{name} is no hub id: {error}") from error


def stay_offline() -> None:
    """From here on nothing in this process asks a hub, whatever a loader would like to look up."""
    from huggingface_hub import constants

    constants.HF_HUB_OFFLINE = True
