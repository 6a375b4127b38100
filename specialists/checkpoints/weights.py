"""Where a checkpoint lies, and whether it can play a role.

A profile names weights in one of three ways: `bundled:NAME`, inside this package; a folder, as `save_pretrained`
writes it; or `owner/name`, on a hub, with `@revision` behind it where another than the main one is meant.
Everything here is found out before a run starts, without a network and without importing torch.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from engine.stage import ChainError
from specialists.checkpoints import contents, hub
from specialists.checkpoints.digests import digest

BUNDLED = Path(__file__).parents[1] / "bundled" / "weights"
# Files of which one must be there.
NEEDED = {
    "image processor": ("preprocessor_config.json", "processor_config.json"),
    "tokenizer": (
        "tokenizer.json",
        "tokenizer.model",
        "spiece.model",
        "sentencepiece.bpe.model",
        "vocab.txt",
        "vocab.json",
    ),
}


@dataclass(frozen=True)
class Checkpoint:
    """A folder of weights that may be loaded; `name` is the origin's model, `revision` tells its contents apart."""

    name: str
    folder: Path
    revision: str

    @property
    def family(self) -> str:
        """The architecture, by transformers' name for it: "rt_detr_v2", say."""
        return str(contents.read(self.folder / contents.CONFIG, self.name).get("model_type", ""))

    def require(self, who: str, families: frozenset[str], *parts: str) -> None:
        """Raise ChainError, naming the stage `who`, unless it is of one of the families and has the parts named.

        Parts are the keys of NEEDED.
        """
        if self.family not in families:
            raise ChainError(
                f"{who}: {self.name} is a checkpoint of {self.family or 'no known architecture'}, which cannot play "
                f"this role. {who} takes {', '.join(sorted(families))}"
            )
        for part in parts:
            if not any(self._has(name, who) for name in NEEDED[part]):
                raise ChainError(
                    f"{who}: {self.folder} has no {part}: none of {', '.join(NEEDED[part])} says how. Save the "
                    "processor beside the model: processor.save_pretrained(folder)"
                )

    def _has(self, name: str, who: str) -> bool:
        path = self.folder / name
        # A processor's own file may leave its parts to files of theirs.
        return path.is_file() and (name != "processor_config.json" or "image_processor" in contents.read(path, who))


def find(weights: str, who: str) -> Checkpoint:
    """The checkpoint that a profile names for the stage `who`; ChainError, saying how to mend it, if there is none."""
    if not weights:
        raise ChainError(f"{who}: no weights are named. Give `weights:` a folder, owner/name, or bundled:NAME")
    name, folder, revision = _locate(weights, who)
    contents.check(folder, name, who)
    return Checkpoint(name, folder, revision or digest(folder))


def here(checkpoint: Checkpoint, who: str) -> Checkpoint:
    """The same checkpoint on this machine, about to be loaded: no network is used from here on.

    A cluster's node may keep elsewhere what was fetched from a hub.
    """
    hub.stay_offline()
    if checkpoint.folder.is_dir():
        return checkpoint
    if not hub.is_commit(checkpoint.revision):
        raise ChainError(f"{who}: {checkpoint.folder} is not on this node: keep weights where every node sees them")
    return find(f"{checkpoint.name}@{checkpoint.revision}", who)


def _locate(weights: str, who: str) -> tuple[str, Path, str]:
    if weights.startswith("bundled:"):
        name = weights.removeprefix("bundled:")
        have = sorted(path.name for path in BUNDLED.glob("*") if path.is_dir()) if BUNDLED.is_dir() else []
        if name not in have:
            raise ChainError(f"{who}: no weights {name!r} are bundled; there are {', '.join(have) or 'none'}")
        return f"fld/{name}", BUNDLED / name, ""
    folder = Path(weights).expanduser()
    if folder.is_dir():
        return folder.resolve().name, folder.resolve(), ""
    if hub.is_id(weights):
        found, revision = hub.cached(weights, who)
        return hub.split(weights)[0], found, revision
    raise ChainError(f"{who}: there is no folder {weights}, and it is no hub id (owner/name or owner/name@revision)")
