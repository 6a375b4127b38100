"""Whether a checkpoint holds all that its model is made of, told before a run: no weights are read for it.

transformers itself puts the model together, with all its renamings and shared weights, out of tensors that have the
shapes of the checkpoint's and take no memory. That costs the import of torch, which a run needs anyway, and up to some
seconds for a large model; once, for what was whole stays so.
"""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path
from typing import Any

from engine.stage import ChainError
from specialists.checkpoints import contents, hub
from specialists.checkpoints.proofs import once
from specialists.checkpoints.weights import Checkpoint


def require_whole(checkpoint: Checkpoint, auto: str, who: str) -> None:
    """Raise ChainError, naming the stage `who`, unless transformers' Auto class makes a whole model of it."""
    once(lambda: _require(checkpoint, auto, who), "whole", checkpoint.revision, auto, version("transformers"))


def made(auto: Any, name: str, source: Path | None, **given: Any) -> Any:
    """The model `name`, by a class of transformers, from a folder or else; ChainError where weights are missing."""
    import transformers

    transformers.utils.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    model, seen = auto.from_pretrained(
        source, use_safetensors=True, trust_remote_code=False, output_loading_info=True, **given
    )
    lacking = sorted(seen["missing_keys"])
    if lacking:  # transformers would fill them with random numbers
        more = f", and {len(lacking) - 1} more" if len(lacking) > 1 else ""
        raise ChainError(f"{name} lacks weights of its model: {lacking[0]}{more}")
    return model


def _require(checkpoint: Checkpoint, auto: str, who: str) -> None:
    import torch
    import transformers

    hub.stay_offline()
    try:
        config = transformers.AutoConfig.from_pretrained(checkpoint.folder, trust_remote_code=False)
        with torch.device("meta"):
            kind = type(getattr(transformers, auto).from_config(config, trust_remote_code=False))
        made(kind, checkpoint.name, None, config=config, dtype=torch.float32, state_dict=_hollow(checkpoint, who))
    except Exception as error:  # a config may hold anything, and each model has its own complaints
        what = " ".join(str(error).split())[:300]
        raise ChainError(
            f"{who}: transformers {version('transformers')} makes no model of {checkpoint.folder}: {what}. Copy or "
            "fetch it anew"
        ) from error


def _hollow(checkpoint: Checkpoint, who: str) -> dict[str, Any]:
    """A tensor for each of the checkpoint's, of its shape: all its elements are one zero in memory."""
    import torch
    from safetensors import safe_open

    hollow = {}
    for path in contents.weights(checkpoint.folder, checkpoint.name, who):
        with safe_open(path, framework="numpy") as file:
            for name in file.keys():  # noqa: SIM118  (it is no mapping)
                hollow[name] = torch.zeros(()).expand(file.get_slice(name).get_shape())
    return hollow
