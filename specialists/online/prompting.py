"""What a large model is told of an image, and what is read from its answer."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import Any

import numpy as np

from engine.stage import ChainError
from specialists.online.replies import Malformed

BINS = 1000  # of the coordinates that the prompt names, as Florence-2 has them
WISHES = {  # lengths are FLD-5B's mean numbers of tokens, table 2
    "detailed": "two or three sentences, about 30 words: the main things, what they look like, where they are",
    "more_detailed": "at least five sentences, about 70 words: all of that, and the smaller things, colours, "
    "materials, numbers, what happens, how things lie to each other, what is written, the surroundings",
}
SIGHT = ("You cannot see the image: add nothing to what is listed.", "Trust the image where it says otherwise.")
_THOUGHT = re.compile(r"<think(?:ing)?>.*?</think(?:ing)?>", re.DOTALL)

Annotation = dict[str, Any]


def read_template(prompt: str, who: str) -> Template:
    """The bundled prompt, or one of the user's by path; ChainError where it cannot be used."""
    path = Path(prompt) if prompt else files("specialists.online") / "prompts" / "detailed.txt"
    try:
        template = Template(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise ChainError(f"{who}: the prompt {path} cannot be read: {error}") from error
    needed = {"facts", "wanted", "form"}
    if not template.is_valid() or not needed <= set(template.get_identifiers()) <= {*needed, "sight"}:
        raise ChainError(
            f"{who}: the prompt {path} must have the places $facts, $wanted and $form, may have $sight, and writes "
            "any other $ as $$"
        )
    return template


def ask_for(template: Template, wanted: Sequence[str], facts: str, sees: bool) -> str:
    """The prompt for the granularities that are wanted."""
    wishes = "\n".join(f'- "{name}": {WISHES[name]}.' for name in wanted)
    return template.substitute(
        facts=facts, wanted=wishes, form=json.dumps(dict.fromkeys(wanted, "...")), sight=SIGHT[sees]
    )


def facts_of(texts: list[Annotation], regions: list[Annotation], size: tuple[int, int], bins: bool, most: int) -> str:
    """What is known of an image of that size (width, height) in pixels, a line each.

    Boxes are in bins, 0 to 999 on either side, or in pixels. At most so many regions: a person's first, then by score.
    """
    scale = np.array((BINS, BINS) if bins else size, np.float64)
    labelled = [(region, _label(region)) for region in regions]
    named = [(region, label) for region, label in labelled if label]
    named = sorted(named, key=lambda pair: -1.0 if pair[0]["score"] is None else 1 - pair[0]["score"])[:most]

    def place(region: Annotation) -> str:
        edges = np.floor(np.array(region["box"]) * np.tile(scale / size, 2))
        return str(np.minimum(edges, np.tile(scale, 2) - 1).astype(int).tolist())

    brief = [f"- {_line(text['text'])}" for text in texts if text["granularity"] == "brief"]
    things = [f"- {label} {place(region)}" for region, label in named if region["kind"] != "text"]
    written = [f"- {json.dumps(label, ensure_ascii=False)} {place(region)}" for region, label in named
               if region["kind"] == "text"]  # fmt: skip
    right, bottom = (scale - 1).astype(int).tolist()
    frame = f"[left, top, right, bottom]; 0 to {right} from left to right, 0 to {bottom} from top to bottom"
    parts = (("Captions:", brief), (f"Regions, {frame}:", things), ("Written in the image, likewise:", written))
    return "\n\n".join("\n".join([title, *(found or ["- none"])]) for title, found in parts)


def _label(region: Annotation) -> str:
    labels = region["labels"]
    return _line(labels[region["best"] or 0]["text"]) if labels else ""


def _line(text: str) -> str:
    return " ".join(text.split())


def read_texts(answer: Any, wanted: Sequence[str]) -> dict[str, str]:
    """The wanted texts of a chat completion; raises Malformed where one is missing, empty or cut short."""
    choice = answer["choices"][0]
    message, reason = choice["message"], choice.get("finish_reason")
    said = message.get("content") or ""
    if isinstance(said, list):  # some servers answer in parts
        said = "".join(part.get("text") or "" for part in said)
    if reason == "length":
        raise Malformed("cut short at max_tokens")
    if not said.strip():
        raise Malformed(f"empty ({message.get('refusal') or reason or 'no reason given'})")
    for found in _objects(_THOUGHT.sub("", said)):
        texts = {name: _line(text) for name in wanted if isinstance(text := found.get(name), str)}
        if any("\ud800" <= letter <= "\udfff" for text in texts.values() for letter in text):
            raise Malformed("half of a character, which no record can hold")
        if len(texts) == len(wanted) and all(any(map(str.isalpha, text)) for text in texts.values()):
            return texts
    raise Malformed(f"no JSON object with {' and '.join(wanted)}: {said[:200]!r}")


def _objects(text: str) -> Iterator[Annotation]:
    """The JSON objects in a text, whatever stands around them."""
    decoder = json.JSONDecoder(strict=False)  # models break lines inside strings
    at = text.find("{")
    while at >= 0:
        end = at + 1
        try:
            value, end = decoder.raw_decode(text, at)
        except ValueError:
            value = None
        if isinstance(value, dict):
            yield value
        at = text.find("{", end)


def revision_of(answer: Annotation, model: str) -> str:
    """What an answer tells of the model that gave it: its full name, where that says more, or its fingerprint."""
    full = answer.get("model")
    return str(full if full and full != model else answer.get("system_fingerprint") or "")
