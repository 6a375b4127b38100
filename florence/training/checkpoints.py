"""Checkpoints: OUT/checkpoints/step-N is there whole, or not at all, and has all that a run goes on with.

In it: the model in float32 and its processor, as save_pretrained writes them; optimizer.pt; and state.json with the
step (and so the phase and the place on the schedule), the loader's state, the books and the settings. The numbers that
drop-out draws follow from the seed and the step, so no generator's state need be kept.
"""

from __future__ import annotations

import errno
import os
import pickle
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from engine.stage import ChainError
from engine.storage import TEMPORARY, Folder, StorageError, unwritable
from florence.presets import Florence

FOLDER, STATE, OPTIMIZER = "checkpoints", "state.json", "optimizer.pt"


def latest(out: Path) -> Path | None:
    """The checkpoint of the most steps, or None."""
    found = _all(out)
    return found[-1] if found else None


def state(checkpoint: Path) -> dict[str, Any]:
    """What state.json holds; raises StorageError."""
    value = Folder.at(checkpoint).read_json(STATE)
    if not isinstance(value, dict):
        raise StorageError(f"{checkpoint} has no {STATE}: it is no checkpoint of fld train. Remove it")
    return value


def save(out: Path, florence: Florence, optimizer: Any, value: dict[str, Any], keep: int) -> Path:
    """Write the checkpoint of value["step"], then remove all but the last `keep`."""
    import torch

    final = out / FOLDER / f"step-{value['step']:09}"
    if final != latest(out):
        with whole(final) as folder:
            florence.save(folder)
            torch.save(optimizer.state_dict(), folder / OPTIMIZER)
            Folder.at(folder).write_json(STATE, value)
    for old in _all(out)[:-keep]:
        shutil.rmtree(old)
    return final


def load_optimizer(checkpoint: Path, optimizer: Any, device: Any) -> None:
    """Fill an optimizer with what a checkpoint has of it."""
    import torch

    try:
        optimizer.load_state_dict(torch.load(checkpoint / OPTIMIZER, map_location=device, weights_only=True))
    except (OSError, RuntimeError, ValueError, KeyError, EOFError, pickle.UnpicklingError) as error:
        raise ChainError(
            f"{checkpoint / OPTIMIZER} cannot be read ({str(error).partition('.')[0]}). Remove {checkpoint}, and the "
            "one before it is gone on with"
        ) from error


@contextmanager
def whole(final: Path) -> Iterator[Path]:
    """A folder to fill, that is at `final`, durable, when the block ends, or nowhere; one there before is replaced."""
    from safetensors import SafetensorError

    temporary = final.with_name(f"{TEMPORARY}{uuid.uuid4().hex}-{final.name}")
    try:
        temporary.mkdir(parents=True)
        yield temporary
        for path in (*temporary.rglob("*"), temporary):
            _sync(path)
        if final.exists():
            shutil.rmtree(final)
        temporary.replace(final)
        _sync(final.parent)
    except StorageError:
        raise
    except OSError as error:
        raise unwritable(str(final), error) from error
    except (RuntimeError, SafetensorError) as error:  # what torch and safetensors make of a full disk
        raise StorageError(f"{final} cannot be written: {error}", errno.EIO) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _all(out: Path) -> list[Path]:
    return sorted(path for path in (out / FOLDER).glob("step-*") if (path / STATE).is_file())


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
