"""Checkpoints from a hub to this machine: the one place that uses a network for weights.

huggingface_hub does the work: it resumes what was interrupted, checks what arrives, and shows how far it is.
"""

from __future__ import annotations

import errno
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

from engine.stage import ChainError
from engine.storage import StorageError, unwritable
from specialists.checkpoints import contents, hub

WHO = "fetch"


class HubError(OSError):
    """A hub that could not be reached or does not answer; the same command goes on where it stopped."""


@dataclass(frozen=True)
class Fetched:
    """A checkpoint of a hub that is here now, whole, with its pin."""

    weights: str
    commit: str
    folder: Path
    size: int  # of all its files, in bytes
    new: bool  # whether files came over the network
    before: str | None  # the pin that it had
    moved: str | None  # another commit, for which its revision stands at the hub by now
    unasked: str = ""  # why the hub could not be asked whether it moved


def fetch(weights: str, *, repin: bool = False) -> Fetched:
    """Bring a hub id's files here and pin its revision; a pin stays as it is unless `repin`.

    Raises ChainError for what cannot be had in this way, HubError and StorageError for what may work later.
    """
    if not hub.is_id(weights):
        raise ChainError(f"{WHO}: {weights} is no hub id (owner/name or owner/name@revision)")
    name, revision = hub.split(weights)
    before = hub.pinned(weights)
    head, unasked = _head(name, revision, before)
    commit = head if repin or not before else before
    folder = hub.snapshot(name, commit)
    new = folder is None or not _is_sound(folder, name)
    if folder is None or new:
        folder = _download(name, commit, anew=folder is not None)
    contents.check(folder, name, WHO)
    hub.pin(weights, commit)
    size = sum(path.stat().st_size for path in folder.iterdir() if path.is_file())
    return Fetched(weights, commit, folder, size, new, before, head if head != commit else None, unasked)


def quietly() -> None:
    """Show no bars: nobody looks at them."""
    from huggingface_hub.utils import disable_progress_bars

    disable_progress_bars()


def _is_sound(folder: Path, name: str) -> bool:
    try:
        contents.check(folder, name, WHO)
    except ChainError:
        return False
    return True


def _head(name: str, revision: str, pinned: str | None) -> tuple[str, str]:
    """The commit that a revision stands for at the hub; the pinned one, and why, if that is here and the hub is not."""
    if hub.is_commit(revision):
        return revision, ""
    from huggingface_hub import HfApi

    try:
        with explained(name, revision):
            return str(HfApi().model_info(name, revision=revision).sha), ""
    except HubError as error:
        if pinned and hub.snapshot(name, pinned):
            return pinned, str(error)
        raise


def _download(name: str, commit: str, *, anew: bool) -> Path:
    from huggingface_hub import HfApi, hf_hub_download, snapshot_download

    with explained(name, commit):
        files = HfApi().model_info(name, revision=commit, files_metadata=True).siblings or []
        sizes = {file.rfilename: file.size or 0 for file in files if "/" not in file.rfilename}
        wanted = {file: size for file, size in sizes.items() if _matches(file, hub.FETCHED)}
        if not any(file.endswith(".safetensors") for file in wanted):
            pickled = sorted(file for file in sizes if _matches(file, contents.PICKLED))
            raise (
                contents.pickled_only(name, pickled, WHO)
                if pickled
                else ChainError(f"{WHO}: {name} has no {contents.SINGLE}: it is no checkpoint that transformers loads")
            )
        _require_room(sum(wanted.values()))
        if contents.CONFIG in wanted:  # before gigabytes come that may not be loaded
            config = Path(hf_hub_download(name, contents.CONFIG, revision=commit, force_download=anew))
            contents.check_code(contents.read(config, WHO), name, WHO)
        return Path(
            snapshot_download(
                name,
                revision=commit,
                allow_patterns=list(hub.FETCHED),
                ignore_patterns=[hub.NESTED],
                force_download=anew,
            )
        )


def _matches(file: str, patterns: tuple[str, ...]) -> bool:
    return any(fnmatch(file, pattern) for pattern in patterns)


def cache() -> Path:
    """Where huggingface_hub keeps what it fetched."""
    from huggingface_hub import constants

    return Path(constants.HF_HUB_CACHE)


def room(folder: Path) -> int:
    """Bytes that are free where a folder is or will be."""
    while not folder.exists():
        folder = folder.parent
    return shutil.disk_usage(folder).free


def _require_room(size: int) -> None:
    free = room(cache())
    if size > free:
        raise StorageError(
            f"{WHO}: {size / 1e9:.1f} GB are to come, and {cache()} has {free / 1e9:.1f} GB left. Free some, or name "
            "another place in $HF_HUB_CACHE",
            errno.ENOSPC,
        )


@contextmanager
def explained(name: str, revision: str) -> Iterator[None]:
    """What a hub's refusals mean, and how to go on."""
    from huggingface_hub import constants, errors

    at = f"{constants.ENDPOINT}/{name}"
    try:
        yield
    except errors.GatedRepoError as error:
        raise ChainError(
            f"{WHO}: {at} is gated. Accept its terms there with your account, then put a token of it into $HF_TOKEN"
        ) from error
    except errors.RepositoryNotFoundError as error:
        raise ChainError(
            f"{WHO}: there is no {at}, or it is private: mend the name, or put a token that may read it into $HF_TOKEN"
        ) from error
    except errors.RevisionNotFoundError as error:
        raise ChainError(f"{WHO}: {at} has no revision {revision}") from error
    except errors.HFValidationError as error:
        raise ChainError(f"{WHO}: {name} is no hub id: {error}") from error
    except errors.OfflineModeIsEnabled as error:
        raise HubError(f"{WHO}: {name}: HF_HUB_OFFLINE is set, so the hub is not asked") from error
    except errors.HfHubHTTPError as error:
        status = error.response.status_code
        if status in (401, 403):
            raise ChainError(f"{WHO}: {at} refuses the token that it got ({status}): mend $HF_TOKEN") from error
        raise HubError(f"{WHO}: {at} answered {status}; run the same command again later") from error
    except (errors.LocalEntryNotFoundError, errors.HTTPError, ConnectionError, TimeoutError) as error:
        raise HubError(
            f"{WHO}: {constants.ENDPOINT} cannot be reached for {name} ({_first(error)}). Is there a network? The same "
            "command goes on where this one stopped"
        ) from error
    except OSError as error:
        if isinstance(error, (StorageError, HubError)) or not error.errno:
            raise
        raise unwritable(str(error.filename or cache()), error) from error


def _first(error: BaseException) -> str:
    text = str(error).strip() or type(error).__name__
    return text.splitlines()[0]
