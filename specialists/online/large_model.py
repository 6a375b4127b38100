"""Large model: detailed and more detailed texts, written from the brief text, the regions and the image.

As in FLD-5B, where a large language or multimodal model was prompted with an existing brief text and the
region-text pairs (Xiao et al., arXiv 2311.06242, section 4.2). Any server that speaks OpenAI's chat completions
will do, one of your own as well. The prompt is prompts/detailed.txt, and ours: the paper's is not published.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

from engine import records
from engine.stage import Batch, ChainError, Outcome
from specialists.online.prompting import WISHES, ask_for, facts_of, read_template, read_texts, revision_of
from specialists.online.stage import OnlineStage, jpeg, shrunk


@dataclass
class LargeModel(OnlineStage):
    """Writes the detailed texts that an image lacks, one request for both. It gives them no score."""

    name: ClassVar[str] = "large_model"
    reads: ClassVar[frozenset[str]] = frozenset({"image", "texts", "regions"})
    writes: ClassVar[frozenset[str]] = frozenset({"texts.detailed", "texts.more_detailed"})
    endpoint_env: ClassVar[str] = "OPENAI_BASE_URL"
    usual_key_env: ClassVar[str] = "OPENAI_API_KEY"

    model: str = ""  # as the endpoint calls it; else $OPENAI_MODEL
    release: str = ""  # of the model, where the endpoint's answers do not tell it
    granularities: tuple[Literal["detailed", "more_detailed"], ...] = ("detailed", "more_detailed")
    image: bool = True  # send it along; a language model without eyes gets the facts alone
    max_side: int = 1024  # px of the image that is sent; ours, as are the next
    quality: int = 90  # of its JPEG
    coordinates: Literal["bins", "pixels"] = "bins"  # bins: 0 to 999 on either side
    max_regions: int = 50  # per image, the surest
    max_tokens: int = 1024  # of an answer
    temperature: float = 0.0
    prompt: str = ""  # the bundled one, else the path of your own, with the same $places
    extra: dict[str, Any] = field(default_factory=dict)  # further fields of the request; null takes one away

    def __post_init__(self) -> None:
        super().__post_init__()
        self.model = self.model or os.environ.get("OPENAI_MODEL", "")
        self.granularities = tuple(self.granularities)
        if not self.image:
            self.reads = frozenset({"texts", "regions"})  # type: ignore[misc]  # nothing need be decoded
        if not self.granularities or set(self.granularities) - set(WISHES):
            raise ChainError(f"{self.name}: granularities must be some of {', '.join(WISHES)}")
        if min(self.max_side, self.max_tokens, self.quality) < 1 or self.max_regions < 0 or self.quality > 100:
            raise ChainError(f"{self.name}: max_side, max_tokens, max_regions or quality makes no sense")

    def gives(self) -> frozenset[str]:
        return frozenset(f"texts.{name}" for name in self.granularities)

    def check(self) -> None:
        super().check()
        if not self.model:
            raise ChainError(f"{self.name}: no model: name it in `model` or in $OPENAI_MODEL, as the endpoint calls it")
        read_template(self.prompt, self.name)
        try:
            json.dumps(self.extra)
        except TypeError as error:
            raise ChainError(f"{self.name}: extra holds what JSON cannot: {error}; put it in quotes") from error

    def revision(self) -> str:
        """The model with its release, and a digest of the prompt."""
        prompt = read_template(self.prompt, self.name).template
        return f"{self.model}@{self.release}-{hashlib.sha256(prompt.encode()).hexdigest()[:12]}"

    def open(self, cpus: int) -> None:
        self._client = self.client("/chat/completions", {"Content-Type": "application/json"}, salt=self.release)

    def __call__(self, batch: Batch) -> Outcome:
        missing = [
            (row, wanted)
            for row, texts in enumerate(batch.table["texts"].to_pylist())
            if (wanted := self._missing(texts))
        ]
        assert self._client
        written = self._client.each(missing, lambda each: self._write(batch, *each))
        by_row = {row: texts for (row, _), texts in zip(missing, written, strict=True)}
        return Outcome(records.append(batch.table, "texts", [by_row.get(row, []) for row in range(len(batch))]))

    def _missing(self, texts: list[dict[str, Any]]) -> list[str]:
        have = {text["granularity"] for text in texts}
        return [name for name in self.granularities if name not in have]

    def _write(self, batch: Batch, row: int, wanted: Sequence[str]) -> list[dict[str, Any]]:
        """The wanted texts of one image."""
        assert self._client
        texts, told = self._client.ask(
            self._request(batch, row, wanted),
            lambda answer: (read_texts(answer, wanted), revision_of(answer, self.model)),
        )
        origin = records.Origin(self.model, self.release or told)
        return [records.text(f"{self.name}.{name}", name, text, origin) for name, text in texts.items()]

    def _request(self, batch: Batch, row: int, wanted: Sequence[str]) -> bytes:
        known = batch.table.select(["texts", "regions", "width", "height"]).slice(row, 1).to_pylist()[0]
        size = known["width"], known["height"]
        facts = facts_of(known["texts"], known["regions"], size, self.coordinates == "bins", self.max_regions)
        content: Any = ask_for(read_template(self.prompt, self.name), wanted, facts, self.image)
        if self.image:
            data = base64.b64encode(jpeg(shrunk(batch.pixels(row), self.max_side), self.quality)).decode()
            picture = {"type": "image_url", "image_url": {"url": f"data:image/jpeg;base64,{data}"}}
            content = [{"type": "text", "text": content}, picture]
        request = {
            "model": self.model,
            "messages": [{"role": "user", "content": content}],
            "max_tokens": self.max_tokens,
            "temperature": self.temperature,
        } | self.extra
        return json.dumps(
            {name: value for name, value in request.items() if value is not None}, sort_keys=True
        ).encode()
