"""The 15 tasks: how each is asked, and what it asks for and answers with.

The prompts are those of the public processor (transformers' Florence2Processor); what the answers hold is from
Xiao et al., arXiv 2311.06242, section 4 and the public checkpoints.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import Literal, NamedTuple

from florence.codec.items import Box, Item, Outline, Quad, Text

# As given: of grounding that is the caption's. Largest first: the paper's for proposals; for the other lists of boxes
# and outlines it is ours, so that what a short budget cuts is what matters least. Top to bottom: the lines of a page.
Order = Literal["given", "largest", "top"]


class Task(StrEnum):
    """A task; its value is the token's name, without the angle brackets."""

    CAPTION = "CAPTION"
    DETAILED_CAPTION = "DETAILED_CAPTION"
    MORE_DETAILED_CAPTION = "MORE_DETAILED_CAPTION"
    OD = "OD"
    DENSE_REGION_CAPTION = "DENSE_REGION_CAPTION"
    REGION_PROPOSAL = "REGION_PROPOSAL"
    CAPTION_TO_PHRASE_GROUNDING = "CAPTION_TO_PHRASE_GROUNDING"
    REFERRING_EXPRESSION_SEGMENTATION = "REFERRING_EXPRESSION_SEGMENTATION"
    REGION_TO_SEGMENTATION = "REGION_TO_SEGMENTATION"
    OPEN_VOCABULARY_DETECTION = "OPEN_VOCABULARY_DETECTION"
    REGION_TO_CATEGORY = "REGION_TO_CATEGORY"
    REGION_TO_DESCRIPTION = "REGION_TO_DESCRIPTION"
    REGION_TO_OCR = "REGION_TO_OCR"
    OCR = "OCR"
    OCR_WITH_REGION = "OCR_WITH_REGION"

    @property
    def token(self) -> str:
        """What the public processor calls it."""
        return f"<{self}>"


class Form(NamedTuple):
    """How a task is written: the prompt, with {} for what is asked; what is asked; what the answer consists of."""

    prompt: str
    asks: type[Text] | type[Box] | None = None
    several: bool = False  # asks for one or more
    answers: tuple[type[Item], ...] = (Text,)
    named: bool = True  # its boxes and outlines have labels
    order: Order = "given"


FORMS: dict[Task, Form] = {
    Task.CAPTION: Form("What does the image describe?"),
    Task.DETAILED_CAPTION: Form("Describe in detail what is shown in the image."),
    Task.MORE_DETAILED_CAPTION: Form("Describe with a paragraph what is shown in the image."),
    Task.OD: Form("Locate the objects with category name in the image.", answers=(Box,), order="largest"),
    Task.DENSE_REGION_CAPTION: Form(
        "Locate the objects in the image, with their descriptions.", answers=(Box,), order="largest"
    ),
    Task.REGION_PROPOSAL: Form(
        "Locate the region proposals in the image.", answers=(Box,), named=False, order="largest"
    ),
    Task.CAPTION_TO_PHRASE_GROUNDING: Form("Locate the phrases in the caption: {}", Text, answers=(Box,)),
    Task.REFERRING_EXPRESSION_SEGMENTATION: Form(
        "Locate {} in the image with mask", Text, answers=(Outline,), named=False, order="largest"
    ),
    Task.REGION_TO_SEGMENTATION: Form(
        "What is the polygon mask of region {}", Box, answers=(Outline,), named=False, order="largest"
    ),
    Task.OPEN_VOCABULARY_DETECTION: Form(
        "Locate {} in the image.", Text, several=True, answers=(Box, Outline), order="largest"
    ),
    Task.REGION_TO_CATEGORY: Form("What is the region {}?", Box),
    Task.REGION_TO_DESCRIPTION: Form("What does the region {} describe?", Box),
    Task.REGION_TO_OCR: Form("What text is in the region {}?", Box),
    Task.OCR: Form("What is the text in the image?"),
    Task.OCR_WITH_REGION: Form("What is the text in the image, with regions?", answers=(Quad,), order="top"),
}


def check(task: Task, items: Iterable[Item]) -> None:
    """Raise ValueError where a task cannot be answered with these items."""
    form, items = FORMS[task], list(items)
    if form.answers == (Text,) and len(items) != 1:
        raise ValueError(f"{task} is answered with one text, not with {len(items)}")
    others = [item for item in items if not isinstance(item, form.answers)]
    if others:
        names = " or ".join(kind.__name__ for kind in form.answers)
        raise ValueError(f"{task} is answered with {names}, not with {others[0]}")
    for item in items:
        if not form.named and item.text:
            raise ValueError(f"{task} is answered without labels, not with {item}")
        if not _shapely(item):
            raise ValueError(f"a box has 4 numbers, a quad 8, an outline polygons of 6, 8, 10 ..: not {item}")


def _shapely(item: Item) -> bool:
    """Whether an item has as many coordinates as it must."""
    match item:
        case Box(box=box):
            return len(box) == 4
        case Quad(quad=quad):
            return len(quad) == 8
        case Outline(polygons=polygons):
            return bool(polygons) and all(len(ring) >= 6 and len(ring) % 2 == 0 for ring in polygons)
    return True
