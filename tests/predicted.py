"""A multitask model of some thousand parameters that knows one picture by heart, and what it knows of it."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

from florence import presets, tokenizer
from florence.codec import FORMS, Box, Item, Outline, Quad, Task, Text, encode, prompt
from florence.predict import Ask
from florence.presets import Florence, Preset

SMALL = Preset((8, 8, 16, 16), (1, 1, 2, 2), (1, 1, 1, 1), 32, 1, 2, 400, 64, window=4, positions=160)
SIZE = (77, 50)  # of the picture: odd, and no square
PICTURE = np.random.default_rng(0).integers(0, 256, (SIZE[1], SIZE[0], 3), np.uint8)
BOX = Box("", (7.73, 5.02, 38.54, 25.03))  # inside of its bins, in float32 too
SAYINGS = ("a cat and a dog", "a cat sits", "a cat sits on a mat and a dog runs", "low tide")

_CAT, _DOG = (7.7, 5.0, 38.5, 25.0), (40.0, 10.0, 70.0, 45.0)
_RING = (7.7, 5.0, 38.5, 5.0, 38.5, 25.0)
_FAR = (45.0, 20.0, 60.0, 20.0, 60.0, 40.0, 45.0, 40.0)
_LINE = (5.0, 30.0, 30.0, 31.0, 30.0, 36.0, 5.0, 35.0)
KNOWN: dict[Task, list[Item]] = {
    Task.CAPTION: [Text(SAYINGS[0])],
    Task.DETAILED_CAPTION: [Text(SAYINGS[1])],
    Task.MORE_DETAILED_CAPTION: [Text(SAYINGS[2])],
    Task.OD: [Box("cat", _CAT), Box("dog", _DOG), Box("cat", (1.0, 1.0, 9.0, 9.0))],
    Task.DENSE_REGION_CAPTION: [Box("a cat sits", _CAT), Box("a dog runs", _DOG)],
    Task.REGION_PROPOSAL: [Box("", _CAT), Box("", _DOG)],
    Task.CAPTION_TO_PHRASE_GROUNDING: [Box("a cat", _CAT), Box("a dog", _DOG)],
    Task.REFERRING_EXPRESSION_SEGMENTATION: [Outline("", (_RING, _FAR)), Outline("", (_FAR,))],
    Task.REGION_TO_SEGMENTATION: [Outline("", (_RING, _FAR))],
    Task.OPEN_VOCABULARY_DETECTION: [Box("cat", _CAT), Outline("dog", (_FAR,))],
    Task.REGION_TO_CATEGORY: [Text("cat")],
    Task.REGION_TO_DESCRIPTION: [Text("a cat sits")],
    Task.REGION_TO_OCR: [Text("low")],
    Task.OCR: [Text("low\ntide")],
    Task.OCR_WITH_REGION: [Quad("low tide", _LINE)],
}
ABOUT: dict[type, tuple[Item, ...]] = {Text: (Text(SAYINGS[0]),), Box: (BOX,)}


def about(task: Task) -> tuple[Item, ...]:
    """What the task is asked about the picture."""
    asks = FORMS[task].asks
    return ABOUT[asks] if asks else ()


def asks(image: int = 0) -> list[Ask]:
    """All tasks, about the picture or another one."""
    return [Ask(image, task, about(task)) for task in Task]


@cache
def words() -> Any:
    """Its tokenizer."""
    return tokenizer.train([*SAYINGS, *(form.prompt for form in FORMS.values())], SMALL.words)


def small(seed: int = 0) -> Florence:
    """With random weights."""
    made = presets.new(SMALL, words(), seed)
    made.model.eval()
    return made


def inputs(florence: Florence, image: np.ndarray, task: Task) -> Any:
    """What transformers' own classes get for a task about an image."""
    height, width = image.shape[:2]
    text = prompt(task, about(task), (width, height))
    ids = florence.tokenizer("<image>" * 5 + text).input_ids
    import torch

    # Florence2Processor puts the image's tokens before <s>.
    ids = [*ids[1:6], ids[0], *ids[6:]]
    pixels = florence.processor.image_processor(images=[image], input_data_format="channels_last", return_tensors="pt")[
        "pixel_values"
    ]
    input_ids = torch.tensor([ids])
    return {"input_ids": input_ids, "attention_mask": torch.ones_like(input_ids), "pixel_values": pixels}


@cache
def taught(steps: int = 160) -> Florence:
    """One that writes what is known of the picture, the same for all tests: what one changes it must put back.

    What sees the picture stays as it is, so that it need look once only.
    """
    import torch

    florence = small()
    given = [inputs(florence, PICTURE, task)["input_ids"][0].tolist() for task in KNOWN]
    targets = [florence.tokenizer(encode(task, items, SIZE).text).input_ids for task, items in KNOWN.items()]
    ids, labels = _padded(given, 1), _padded(targets, -100)
    pixels = inputs(florence, PICTURE, Task.OD)["pixel_values"]
    with torch.no_grad():
        seen = florence.model.get_image_features(pixels).pooler_output
    learns = [each for name, each in florence.model.named_parameters() if "language" in name or "lm_head" in name]
    optimizer = torch.optim.AdamW(learns, weight_decay=0)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 1e-2, total_steps=steps)
    for _ in range(steps):
        there = florence.model.get_input_embeddings()(ids[:, seen.shape[1] :])
        embeds = torch.cat([seen.expand(len(ids), -1, -1), there], dim=1)
        loss = florence.model(inputs_embeds=embeds, attention_mask=(ids != 1).long(), labels=labels).loss
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        schedule.step()
    return florence


def _padded(rows: list[list[int]], filling: int) -> Any:
    import torch

    longest = max(map(len, rows))
    return torch.tensor([row + [filling] * (longest - len(row)) for row in rows])
