"""Settings: params.yaml by command, profiles by name or path, stages by the name they are registered under."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache, partial
from importlib.metadata import EntryPoint, entry_points
from importlib.resources import files
from pathlib import Path
from typing import Any, TypeVar, get_origin, get_type_hints

import yaml
from pydantic import TypeAdapter, ValidationError

from engine.images import Limits
from engine.manifest import IngestSettings
from engine.stage import Chain, ChainError, Stage
from pipelines.figure import ROLES, FigureError, arrange, cast, require_fit
from pipelines.naming import nearest

# Regions first: text_ocr compares a text with the lines that are believed to stand in the image.
FILTERS = (
    *("region_score", "region_size", "region_merge", "region_nms", "region_mask", "line_text"),
    *("text_leftovers", "text_clean", "text_score", "text_length", "text_repetition"),
    *("text_ocr", "text_duplicates", "text_syntax"),
    *("phrases", "blacklist", "phrase_score"),
)

# What pydantic would call a dictionary or a tuple.
SHAPES: dict[Any, tuple[Any, str]] = {dict: (Mapping, "keys and values"), tuple: ((list, tuple), "a list")}

T = TypeVar("T")


class ConfigError(ValueError):
    """A setting that cannot be used; the message names the file and the key."""


@dataclass(frozen=True)
class IngestParams:
    """`ingest:` of params.yaml. All defaults are ours."""

    shard_images: int = 256
    shard_mb: int = 128
    max_pixels: int = 100_000_000
    min_side: int = 16  # px
    max_file_mb: int = 256
    follow_links: bool = False
    max_quarantine_rate: float = 0.1  # of the inputs that claim to be images

    def __post_init__(self) -> None:
        for name in ("shard_images", "shard_mb", "max_pixels", "min_side", "max_file_mb"):
            _must(getattr(self, name) >= 1, f"{name} must be at least 1")
        _must(0 <= self.max_quarantine_rate <= 1, "max_quarantine_rate must be in [0, 1]")

    def settings(self) -> IngestSettings:
        """As the engine takes them."""
        limits = Limits(max_pixels=self.max_pixels, min_side=self.min_side, max_bytes=self.max_file_mb * 2**20)
        return IngestSettings(self.shard_images, self.shard_mb, limits)


@dataclass(frozen=True)
class AnnotateParams:
    """`annotate:` of params.yaml."""

    profile: str = "ocr"  # a bundled profile's name, or the path of one
    max_fault_rate: float = 0.02  # of a specialist's images; ours

    def __post_init__(self) -> None:
        _must(0 <= self.max_fault_rate <= 1, "max_fault_rate must be in [0, 1]")


@dataclass(frozen=True)
class CurateParams:
    """`curate:` of params.yaml: the filters in running order, each with its settings."""

    filters: dict[str, Any] = field(default_factory=lambda: dict.fromkeys(FILTERS))
    embed_images: bool = False  # copy the image bytes into the curated shards, so that they stand alone
    max_fault_rate: float = 0.0

    def __post_init__(self) -> None:
        _must(0 <= self.max_fault_rate <= 1, "max_fault_rate must be in [0, 1]")


# The stages of refinement that ask the model, and what they are asked unless the settings say otherwise.
ASKED: dict[str, dict[str, Any]] = {
    "multitask_captioning": {"granularities": ["brief", "detailed", "more_detailed"]},
    "multitask_detection": {"tasks": ["OD"]},
    "multitask_grounding": {},
    "multitask_segmentation": {},
}
REFINING = ("region_agreement", "region_merge", "region_nms", "region_mask", "phrase_agreement", "phrase_score")


@dataclass(frozen=True)
class GateParams:
    """`refine.gate:` of params.yaml."""

    tolerance: float = 0.0  # by how much a round may be worse and still pass
    enough: float = 0.005  # a gain below it ends the rounds

    def __post_init__(self) -> None:
        _must(0 <= self.tolerance <= 1 and 0 <= self.enough <= 1, "tolerance and enough must be in [0, 1]")


@dataclass(frozen=True)
class RefineParams:
    """`refine:` of params.yaml. All defaults are ours."""

    stages: dict[str, Any] = field(default_factory=dict)  # of ASKED, with their settings; false leaves one out
    scorer: str | None = None  # weights of the stage `scoring`, as a profile names them; None: nothing is scored anew
    text_agreement: dict[str, Any] = field(default_factory=dict)
    filters: dict[str, Any] = field(default_factory=lambda: dict.fromkeys(REFINING))
    gate: GateParams = field(default_factory=GateParams)
    max_fault_rate: float = 0.02  # of the model's images

    def __post_init__(self) -> None:
        _must(0 <= self.max_fault_rate <= 1, "max_fault_rate must be in [0, 1]")
        strange = [name for name in self.stages if name not in ASKED]
        _must(not strange, f"stages: {', '.join(strange)}: there are {', '.join(ASKED)}")


@dataclass(frozen=True)
class Params:
    """params.yaml, one section per command."""

    ingest: IngestParams = field(default_factory=IngestParams)
    annotate: AnnotateParams = field(default_factory=AnnotateParams)
    curate: CurateParams = field(default_factory=CurateParams)
    refine: RefineParams = field(default_factory=RefineParams)


@dataclass(frozen=True)
class Profile:
    """Which specialists run, with which settings and resources.

    `roles` are placed in running order by `pipelines.figure`; `stages` are further ones, that run after them in
    the order in which they stand.
    """

    roles: dict[str, Any] = field(default_factory=dict)
    stages: dict[str, Any] = field(default_factory=dict)
    description: str = ""


def load_params(path: Path | None) -> Params:
    """The settings of a file; of ./params.yaml where there is one and none is named; else the defaults."""
    if path is None:
        path = Path("params.yaml")
        if not path.exists():
            return Params()
    return build(Params, read_yaml(path), str(path))


def load_profile(name: str) -> Profile:
    """A bundled profile by name, or one of the user's by path."""
    path = Path(name)
    if path.suffix in (".yaml", ".yml"):
        return build(Profile, read_yaml(path), name)
    bundled = files("pipelines") / "profiles"
    names = sorted(file.name.removesuffix(".yaml") for file in bundled.iterdir() if file.name.endswith(".yaml"))
    if name not in names:
        raise ConfigError(f"there is no profile {name!r}{nearest(name, names)}; a path must end in .yaml")
    return build(Profile, read_yaml(Path(str(bundled / f"{name}.yaml"))), f"profile {name}")


def profile_chain(name: str) -> Chain:
    """The annotate chain of a profile."""
    return Chain(tuple(make() for make in profile_stages(name).values()))


def profile_stages(name: str) -> dict[str, Callable[[], Stage]]:
    """What makes each stage of a profile, or raises ConfigError, by the stage's name and in running order."""
    profile, where = load_profile(name), f"profile {name}"
    try:
        placed, roles = arrange(profile.roles), cast(profile.roles)
    except FigureError as error:
        raise ConfigError(f"{where}: roles: {error}") from error
    twice = sorted(set(placed) & set(profile.stages))
    if twice:
        raise ConfigError(f"{where}: {twice[0]!r} stands among its roles and among its stages")
    stages = placed | profile.stages
    if not stages:
        raise ConfigError(f"{where}: there are no stages. Give `roles:` one or some of {', '.join(ROLES)}")
    return {stage: partial(_play, stage, settings, where, roles.get(stage)) for stage, settings in stages.items()}


def _play(name: str, settings: Any, where: str, role: str | None) -> Stage:
    stage = make_stage(name, settings, f"{where}: {name}")
    try:
        if role:
            require_fit(stage, role)
    except FigureError as error:
        raise ConfigError(f"{where}: {error}") from error
    return stage


def make_chain(stages: Mapping[str, Any], where: str) -> Chain:
    """The stages by name, in the mapping's order, each with its settings."""
    if not stages:
        raise ConfigError(f"{where}: there are no stages")
    return Chain(tuple(make_stage(name, settings, f"{where}: {name}") for name, settings in stages.items()))


def make_stage(name: str, settings: Any, where: str) -> Stage:
    """A registered stage with its settings; "name@turn" is the same stage once more, under this name."""
    registered = _registered()
    kind, _, turn = name.partition("@")
    if kind not in registered:
        raise ConfigError(f"{where}: no stage is registered as {kind!r}{nearest(kind, registered)}")
    try:
        cls = registered[kind].load()
    except (ImportError, AttributeError) as error:
        raise ConfigError(f"{where}: {kind!r} is registered as {registered[kind].value}, and {error}") from error
    stage: Stage = build(cls, settings, where)
    return stage.called(name) if turn else stage


@cache
def _registered() -> dict[str, EntryPoint]:
    return {point.name: point for point in entry_points(group="fld.stages")}


def build(cls: type[T], values: Any, where: str) -> T:
    """A dataclass from a mapping, its values checked by their types; unknown keys are errors."""
    values = {} if values is None else values
    if not isinstance(values, Mapping):
        raise ConfigError(f"{where}: expected keys and values, found {values!r}")
    hints = get_type_hints(cls)
    names = [f.name for f in dataclasses.fields(cls) if f.init]  # type: ignore[arg-type]
    for key in values:
        if key not in names:
            raise ConfigError(f"{where}: unknown key {key!r}{nearest(str(key), names)}")
    for given in dataclasses.fields(cls):  # type: ignore[arg-type]
        if given.init and given.name not in values and given.default is given.default_factory is dataclasses.MISSING:
            raise ConfigError(f"{where}: {given.name} is missing")
    made = {key: _value(hints[key], value, f"{where}: {key}") for key, value in values.items()}
    try:
        return cls(**made)
    except (ValueError, TypeError) as error:
        raise ConfigError(f"{where}: {error}") from error


def _value(type: Any, value: Any, where: str) -> Any:
    if dataclasses.is_dataclass(type):
        return build(type, value, where)  # type: ignore[arg-type]
    if get_origin(type) is dict and value is None:
        return {}
    wanted, words = SHAPES.get(get_origin(type), (object, ""))
    if not isinstance(value, wanted):
        raise ConfigError(f"{where}: expected {words}, found {value!r}")
    try:
        return TypeAdapter(type).validate_python(value)
    except ValidationError as error:
        raise ConfigError(f"{where}: {error.errors()[0]['msg']}, found {value!r}") from error


class _Loader(yaml.SafeLoader):
    """Of two equal keys YAML's own loader would take the last without a word."""

    def compose_mapping_node(self, anchor: Any) -> Any:
        node = super().compose_mapping_node(anchor)
        seen = set()
        for key in (key for key, _ in node.value if isinstance(key, yaml.ScalarNode)):
            if (key.tag, key.value) in seen:
                raise _Twice(problem=f"the key {key.value!r} stands there twice", problem_mark=key.start_mark)
            seen.add((key.tag, key.value))
        return node


class _Twice(yaml.MarkedYAMLError):
    """A key that stands in one mapping twice."""


def read_yaml(path: Path) -> Any:
    try:
        return yaml.load(path.read_text(encoding="utf-8"), _Loader)
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}") from error
    except _Twice as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 0
        raise ConfigError(f"{path}: line {line}: {error.problem}; keep one of them") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} is not YAML: {error}") from error


def _must(condition: bool, message: str) -> None:
    if not condition:
        raise ChainError(message)
