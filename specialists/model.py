"""What every specialist that stands on a transformers checkpoint shares: finding it, loading it, running it.

Numbers must not depend on the number of cores. So on a CPU each forward pass runs on one thread and gets
`together` items, always the same ones for the same batch, and the cores work on several passes at once. On a
GPU the passes follow each other. Image processors are the PIL ones, whether torchvision is there or not.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cached_property
from importlib.util import find_spec
from typing import Any, ClassVar, Literal, TypeVar
from weakref import WeakValueDictionary

from engine.records import Origin
from engine.stage import ChainError, Resources, Stage
from specialists.checkpoints.weights import Checkpoint, find, here
from specialists.checkpoints.wholeness import made, require_whole

Item = TypeVar("Item")
Result = TypeVar("Result")
Dtype = Literal["auto", "float32", "float16", "bfloat16"]

# A chain may hold the same checkpoint twice: its weights stand in memory once.
_loaded: WeakValueDictionary[tuple[str, ...], Any] = WeakValueDictionary()


@dataclass
class ModelStage(Stage):
    """A specialist of one checkpoint. A subclass says which Auto class loads it, and which families it can be of."""

    auto: ClassVar[str]  # transformers' Auto class
    families: ClassVar[frozenset[str]]
    torchvision: ClassVar[frozenset[str]] = frozenset()  # those of the families whose images only torchvision prepares
    parts: ClassVar[tuple[str, ...]] = ("image processor",)  # keys of weights.NEEDED

    weights: str = ""  # bundled:NAME, a folder, or owner/name[@revision]
    device: str = "auto"  # auto: a GPU where torch sees one, else the CPU
    dtype: Dtype = "auto"  # auto: bfloat16 on a GPU, float32 on a CPU
    round: int = 0  # of refinement, in the origin of all that it says; 0: the specialists
    together: int = 4  # images, or whatever the stage works on, in one forward pass; ours
    resources: Resources = field(default_factory=lambda: Resources(batch_size=16))
    _model: Any = field(init=False, repr=False, compare=False, default=None)
    _processor: Any = field(init=False, repr=False, compare=False, default=None)
    _threads: Any = field(init=False, repr=False, compare=False, default=None)

    def __post_init__(self) -> None:
        if self.together < 1 or self.round < 0:
            raise ChainError(f"{self.name}: together must be at least 1, round at least 0")

    @cached_property
    def checkpoint(self) -> Checkpoint:
        """Its weights; raises ChainError where they cannot be used."""
        return find(self.weights, self.name)

    @property
    def origin(self) -> Origin:
        """Of what the model says."""
        return Origin(self.checkpoint.name, self.checkpoint.revision, self.round)

    def check(self) -> None:
        self.checkpoint.require(self.name, self.families, *self.parts)
        family = self.checkpoint.family
        if family in self.torchvision and find_spec("torchvision") is None:
            others = ", ".join(sorted(self.families - self.torchvision))
            raise ChainError(
                f"{self.name}: {self.checkpoint.name} is a checkpoint of {family}, whose images only torchvision "
                f"prepares: pip install 'fld-engine[torchvision]', or take one of {others}"
            )
        self.check_loads()

    def check_loads(self) -> None:
        """Raise ChainError where the device is not here, or the checkpoint has not all that its model is made of."""
        self._check_device()
        require_whole(self.checkpoint, self.auto, self.name)

    def revision(self) -> str:
        return self.checkpoint.revision

    def open(self, cpus: int) -> None:
        import torch

        torch.set_num_threads(1)
        checkpoint = here(self.checkpoint, self.name)
        self._model = load_model(self.auto, checkpoint, self._device(), self._dtype())
        self._processor = load_processor(checkpoint)
        self._threads = ThreadPoolExecutor(cpus if self._device() == "cpu" else 1, self.name)

    def _check_device(self) -> None:
        """Refuse a device that torch does not know or see here. The usual ones cost no import of torch."""
        if self.device in ("auto", "cpu"):
            return
        import torch

        try:
            there = torch.empty(0, device=self.device).device
        except (RuntimeError, AssertionError) as error:
            what = str(error).partition("\n")[0]
            raise ChainError(
                f"{self.name}: device {self.device!r} cannot be used here ({what}). Take auto, cpu, cuda or cuda:0"
            ) from error
        assert there

    def _device(self) -> str:
        import torch

        if self.device != "auto":
            return self.device
        return "cuda" if torch.cuda.is_available() else "cpu"

    def _dtype(self) -> str:
        if self.dtype != "auto":
            return self.dtype
        return "float32" if self._device() == "cpu" else "bfloat16"

    def each(self, items: Sequence[Item], forward: Callable[[Sequence[Item]], Sequence[Result]]) -> list[Result]:
        """`forward` over the items, `together` at a time; one result for each item, in order."""
        groups = [items[at : at + self.together] for at in range(0, len(items), self.together)]

        def run(group: Sequence[Item]) -> Sequence[Result]:
            import torch

            with torch.inference_mode():
                return forward(group)

        return [result for results in self._threads.map(run, groups) for result in results]

    def no_numbers(self, what: str) -> ValueError:
        """What to raise where the model gives infinities or NaN, which else would pass for nothing found."""
        dtype = str(self._model.dtype).removeprefix("torch.")
        mend = "" if dtype == "float32" else f" in {dtype}, which may be too narrow for it: take dtype: float32"
        return ValueError(f"{self.checkpoint.name} gives {what} that are no numbers{mend}")

    def place(self, inputs: Any) -> Any:
        """A processor's tensors on the model's device, floating ones in its precision."""
        return inputs.to(self._model.device, self._model.dtype)


def load_model(auto: str, checkpoint: Checkpoint, device: str, dtype: str) -> Any:
    """The model, ready to run; the one that is loaded already, if there is one."""
    import torch
    import transformers

    key = (auto, str(checkpoint.folder), checkpoint.revision, device, dtype)
    model = _loaded.get(key)
    if model is None:
        model = made(getattr(transformers, auto), checkpoint.name, checkpoint.folder, dtype=getattr(torch, dtype))
        _loaded[key] = model = model.to(device).eval().requires_grad_(False)
    return model


def load_processor(checkpoint: Checkpoint) -> Any:
    """The processor: of images alone where the checkpoint has no tokenizer."""
    import transformers

    return transformers.AutoProcessor.from_pretrained(checkpoint.folder, backend="pil", trust_remote_code=False)
