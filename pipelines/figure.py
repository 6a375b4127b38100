"""The annotate chain, in running order: the paper's figure of its data engine as a list.

After FLD-5B (Xiao et al., arXiv 2311.06242, sections 4.1 and 4.2): specialists annotate texts, region-text pairs
and text-phrase-region triplets; the large model's detailed texts come last, from all that is known by then, and
go through phrases, grounding, masks and scoring as the brief ones did. Filters in between are permissive: they
save work, `curate` decides.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from engine.stage import Chain, Stage
from pipelines.naming import nearest

TURN = "detailed"  # of what runs again on the texts that come last


@dataclass(frozen=True)
class Place:
    """A place in the chain: filled by the profile's role of this name, or by a filter where its roles are there."""

    role: str
    why: str
    gives: tuple[str, ...] = ()  # parts of the record of which a role's stage must give one
    after: tuple[str, ...] = ()  # a filter's roles: without any of them it has nothing to do
    beside: tuple[str, ...] = ()  # and roles of which one must be there too
    settings: Mapping[str, Any] = field(default_factory=dict)
    again: bool = False  # runs once more on the detailed texts


OBJECTS = ("detection", "grounding")  # roles that find them
LONG = ("texts.detailed", "texts.more_detailed")
TEXTS = ("texts.brief", *LONG)
BOXES = ("regions.object", "regions.proposal")

FIGURE = (
    Place("ocr", "written lines", ("regions.text",)),
    Place("line_text", "signs without letters", after=("ocr",)),
    Place("detection", "objects and their categories", BOXES),
    Place("region_nms", "doubles", after=("ocr", "detection"), settings={"iou": 0.7, "iou_across": 0.95}),  # ours
    Place("captioning", "brief texts of the image", TEXTS),
    Place("phrases", "noun phrases of the texts", after=("grounding",), again=True),
    Place("grounding", "boxes for the phrases", ("phrases.regions",), again=True),
    Place("region_merge", "one region of detection, grounding and human boxes", after=("grounding",), again=True),
    Place("segmentation", "a mask for each box", ("regions.masks",), again=True),
    Place("crop_captioning", "a brief text for each region", ("regions.briefs",), again=True),
    Place("chunks", "noun chunks of the regions' texts", after=("crop_captioning",), again=True),
    Place("scoring", "the label that fits each region best", ("regions.best",), again=True),
    Place("detailed", "detailed and more detailed texts", LONG),
    Place("text_support", "do regions support what the texts name?", after=("detailed",), beside=OBJECTS),
)
ROLES = tuple(place.role for place in FIGURE if not place.after)
DETAILED = "aggregator"  # who plays the role `detailed` unless the profile names a stage


class Food(NamedTuple):
    """What a stage works on: without a part of it from the chain, there is only what the sources brought along."""

    what: str
    parts: tuple[str, ...]
    role: str


class Product(NamedTuple):
    """What a full chain produces: the part of the record, how people call it, and the role that gives it."""

    part: str
    what: str
    role: str
    of: Food | None = None


OF_TEXTS = Food("texts", TEXTS, "captioning")
OF_BOXES = Food("objects", BOXES, "detection")
OF_BOTH = Food("texts and labels", (*TEXTS, "regions.labels", "regions.briefs"), "captioning")
PRODUCTS = (
    Product("regions.text", "written lines", "ocr"),
    Product("regions.object", "objects", "detection"),
    Product("texts.brief", "brief texts", "captioning"),
    Product("texts.detailed", "detailed texts", "detailed"),
    Product("texts.more_detailed", "more detailed texts", "detailed"),
    Product("phrases", "phrases", "grounding", OF_TEXTS),
    Product("phrases.regions", "phrases' regions", "grounding", OF_TEXTS),
    Product("regions.masks", "masks", "segmentation", OF_BOXES),
    Product("regions.briefs", "brief texts of regions", "crop_captioning", OF_BOXES),
    Product("regions.best", "chosen labels and similarities", "scoring", OF_BOTH),
)


class FigureError(ValueError):
    """Roles that the figure has no place for; the message names them."""


def arrange(roles: Mapping[str, Any]) -> dict[str, Any]:
    """Settings of each stage, by its name in the chain and in running order, from a profile's settings by role.

    A role's `stage` says which registered stage plays it; the one of its name, if none is given. `false` leaves a
    place empty that a filter would take.
    """
    known = [place.role for place in FIGURE]
    strange = [role for role in roles if role not in known]
    if strange:
        raise FigureError(f"there is no role {strange[0]!r}{nearest(str(strange[0]), known)}")
    filled = [(place, *_filled(place, roles)) for place in FIGURE if _is_filled(place, roles)]
    names = [name for _, name, _ in filled]
    twice = [name for name in names if names.count(name) > 1]
    if twice:
        raise FigureError(f"the stage {twice[0]!r} plays two roles; write it as {twice[0]}@another in one of them")
    if any(place.role == "detailed" for place, *_ in filled):
        filled += [(place, f"{name}@{TURN}", settings) for place, name, settings in filled if place.again]
    return _in_workers(filled)


def _in_workers(filled: list[tuple[Place, str, dict[str, Any]]]) -> dict[str, Any]:
    """The chain; a filter needs no worker of its own and joins that of the specialist before it."""
    chain: dict[str, Any] = {}
    worker = None
    for place, name, settings in filled:
        if not place.after:
            worker = (settings.get("resources") or {}).get("pack") or name
        joins = place.after and worker and "resources" not in settings
        chain[name] = settings | ({"resources": {"pack": worker}} if joins else {})
    return chain


def _is_filled(place: Place, roles: Mapping[str, Any]) -> bool:
    if roles.get(place.role) is False:
        return False
    if not place.after:
        return place.role in roles
    there = {role for role, settings in roles.items() if settings is not False}
    return place.role in roles or bool(there & set(place.after) and (not place.beside or there & set(place.beside)))


def _filled(place: Place, roles: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    given = roles.get(place.role)
    if given is not None and not isinstance(given, Mapping):
        raise FigureError(f"{place.role}: expected keys and values, found {given!r}")
    settings = {**place.settings, **(given or {})}
    if not isinstance(settings.get("resources", {}), Mapping | None):
        raise FigureError(f"{place.role}: resources: expected keys and values, found {settings['resources']!r}")
    default = DETAILED if place.role == "detailed" else place.role
    name = settings.pop("stage", default)
    if not name or not isinstance(name, str):
        raise FigureError(
            f"{place.role}: stage: expected a stage's name, found {name!r}; without it, {default} plays it"
        )
    return name, settings


def cast(roles: Mapping[str, Any]) -> dict[str, str]:
    """The role that each stage of `arrange` plays, by the stage's name."""
    return {_filled(place, roles)[0]: place.role for place in FIGURE if _is_filled(place, roles)}


def require_fit(stage: Stage, role: str) -> None:
    """Raise FigureError unless the stage gives some of what the role stands for; a filter's place asks for nothing."""
    wanted = next(place.gives for place in FIGURE if place.role == role)
    given = stage.gives()
    # A stage may say that it writes a whole column.
    if wanted and not any(part in given or part.partition(".")[0] in given for part in wanted):
        raise FigureError(
            f"{role}: the stage {stage.name!r} gives {', '.join(sorted(given)) or 'nothing'}, and this role "
            f"stands for {' or '.join(wanted)}. Let another stage play it, or put this one under `stages:`"
        )


def not_produced(chain: Chain) -> list[str]:
    """What FLD-5B's records have and this chain does not give, each with the role that would: for people."""
    given = {part for stage in chain.stages for part in stage.gives()}
    lacks = []
    for part, what, role, of in PRODUCTS:
        if part not in given:
            lacks.append(f"{what} (role {role})")
        elif of and given.isdisjoint(of.parts):
            lacks.append(f"{what} but for {of.what} that the sources bring (role {of.role})")
    return lacks
