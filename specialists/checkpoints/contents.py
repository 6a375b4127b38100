"""Whether a folder of weights may be loaded: whole, safetensors only, no code of strangers.

All of it is found out from small files and from the safetensors' headers, without importing torch.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from engine.stage import ChainError

SINGLE, INDEX = "model.safetensors", "model.safetensors.index.json"
PICKLED = ("*.bin", "*.pt", "*.pth", "*.ckpt", "*.pkl", "*.h5", "*.msgpack")
CONFIG = "config.json"
# What else is read before the weights; all of it may be missing.
CONFIGS = (CONFIG, "preprocessor_config.json", "processor_config.json", "tokenizer_config.json")
# Families that transformers has, whose first checkpoints were laid out for their own code; and where to find others.
RELAID = {"florence2": "those of florence-community, as florence-community/Florence-2-large"}
POINTER = b"version https://git-lfs"


def check(folder: Path, name: str, who: str) -> None:
    """Raise ChainError, saying how to mend it, unless the weights `name` in a folder may be loaded by `who`."""
    if not (folder / CONFIG).is_file():
        raise ChainError(f"{who}: {folder} has no {CONFIG}: it is no checkpoint that save_pretrained wrote")
    for file in CONFIGS:
        if (folder / file).is_file():
            read(folder / file, who)
    check_code(read(folder / CONFIG, who), name, who)
    for path, tensors in weights(folder, name, who).items():
        _check_tensors(path, tensors, who)


def read(path: Path, who: str) -> dict[str, Any]:
    """A JSON file's object; ChainError where it holds none."""
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ChainError(f"{who}: {path} is not JSON that can be read: {error}. Copy or fetch it anew") from error
    if not isinstance(value, dict):
        raise ChainError(f"{who}: {path} holds no JSON object. Copy or fetch it anew")
    return value


def pickled_only(name: str, pickled: list[str], who: str) -> ChainError:
    """What to say of weights that only a pickle holds."""
    return ChainError(
        f"{who}: {name} has pickled weights only ({', '.join(pickled[:3])}), which could run any code when loaded. "
        "Load it once where you trust it, and save it anew: model.save_pretrained(folder)"
    )


def check_code(config: dict[str, Any], name: str, who: str) -> None:
    """Raise ChainError where the weights of this config are meant for code of strangers."""
    if "auto_map" not in config:
        return
    family = str(config.get("model_type", ""))
    if family in RELAID:
        raise ChainError(
            f"{who}: {name} is laid out for code of its own, which is refused; transformers would read it wrongly. "
            f"Take {RELAID[family]}"
        )
    from transformers.models.auto.configuration_auto import CONFIG_MAPPING_NAMES

    if family not in CONFIG_MAPPING_NAMES:
        raise ChainError(
            f"{who}: {name} wants to run code of its own, which is refused: transformers knows no model_type "
            f"{family!r}. Take a checkpoint of a family that it has, or a newer transformers"
        )


def weights(folder: Path, name: str, who: str) -> dict[Path, set[str]]:
    """The files of weights, each with the tensors that must be in it; of a single file, any."""
    if (folder / SINGLE).is_file():
        return {folder / SINGLE: set()}
    if not (folder / INDEX).is_file():
        pickled = sorted(file.name for pattern in PICKLED for file in folder.glob(pattern))
        raise pickled_only(name, pickled, who) if pickled else ChainError(f"{who}: {folder} has no {SINGLE}")
    found: dict[Path, set[str]] = {}
    named = read(folder / INDEX, who).get("weight_map")
    if not isinstance(named, dict) or not named:
        raise ChainError(f"{who}: {folder / INDEX} names no weights. Copy or fetch it anew")
    for tensor, file in named.items():
        if Path(str(file)).name != file:
            raise ChainError(f"{who}: {folder / INDEX} names {file!r}, which is outside its folder")
        found.setdefault(folder / file, set()).add(tensor)
    missing = sorted(path.name for path in found if not path.is_file())
    if missing:
        raise ChainError(f"{who}: {folder} lacks {', '.join(missing)}, which its index names: copy or fetch it whole")
    return found


def _check_tensors(path: Path, tensors: set[str], who: str) -> None:
    """A safetensors file whose header fits its length, and which holds these tensors."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy") as file:
            lacking = sorted(tensors - set(file.keys()))
    except (SafetensorError, OSError, ValueError) as error:
        with path.open("rb") as file:
            if file.read(len(POINTER)) == POINTER:
                raise ChainError(
                    f"{who}: {path} is a pointer to weights, not the weights: run `git lfs pull`"
                ) from error
        raise ChainError(f"{who}: {path} is cut short or damaged ({error}). Copy or fetch it anew") from error
    if lacking:
        raise ChainError(f"{who}: {path} lacks {lacking[0]}, which its index names: its files are of two checkpoints")
