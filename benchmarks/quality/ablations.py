"""Curation with some of its filters left out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from benchmarks.quality.place import Place, require, say
from pipelines.chain import Runner
from pipelines.curate import curate

WITHOUT: dict[str, Callable[[str], bool]] = {
    "text filters": lambda stage: stage.startswith("text_"),
    "NMS": lambda stage: stage == "region_nms",
    "NMS and merging": lambda stage: stage in ("region_nms", "region_merge"),
    "region scoring": lambda stage: stage == "region_score",
    "phrase scoring": lambda stage: stage == "phrase_score",
    "blacklist": lambda stage: stage == "blacklist",
}


def ablate(place: Place) -> Iterator[dict[str, Any]]:
    """A row for each set of filters that the settings have: the figures of what the others leave."""
    params = place.params.curate
    seen: list[list[str]] = []
    for name, is_one in WITHOUT.items():
        left_out = [stage for stage in params.filters if is_one(stage.partition("@")[0])]
        if not left_out or left_out in seen:
            continue
        seen.append(left_out)
        say(f"curate without {name}: {', '.join(left_out)}")
        out = place.folder / "without" / name.replace(" ", "-")
        filters = {stage: settings for stage, settings in params.filters.items() if stage not in left_out}
        require(curate(place.raw, out, replace(params, filters=filters), Runner()))
        yield {"name": name, "left_out": left_out, **place.measured(out)}
