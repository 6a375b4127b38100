"""The codec beside transformers' Florence2Processor: the same where that is right, and where it is not.

docs/codec.md lists the differences; each has its test here.
"""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from florence import presets, tokenizer
from florence.codec import FORMS, Box, Item, Outline, Quad, Task, Text, decode, encode, prompt

SIZE = (640, 480)
# What the processor reads rightly: ASCII without `<`, newlines and spaces at its ends, of at least a letter.
PLAIN = st.from_regex(r"[A-Za-z0-9'.,&\\>-]([A-Za-z0-9'.,&\\> -]{0,8}[a-z])?", fullmatch=True)


@pytest.fixture(scope="module")
def processor() -> Any:
    return presets.processor(tokenizer.train(["a dog on a mat"], tokenizer.LEAST), 64)


def theirs(processor: Any, task: Task, text: str) -> Any:
    return processor.post_process_generation(text=text, task=task.token, image_size=SIZE)[task.token]


def whole(values: Any) -> list[int]:
    """Pixels as the processor gives them: the centre of the bin, without its fraction."""
    return [math.floor(value + 1e-3) for value in values]


def ours(task: Task, text: str) -> Any:
    """What the codec reads, in the processor's words."""
    found = decode(task, text, SIZE)
    assert found.invalid == 0
    boxes = [item for item in found.items if isinstance(item, Box)]
    outlines = [item for item in found.items if isinstance(item, Outline)]
    polygons = [[whole(ring) for ring in item.polygons] for item in outlines]
    places, names = [whole(item.box) for item in boxes], [item.text for item in boxes]
    if FORMS[task].answers == (Text,):
        return found.items[0].text
    if FORMS[task].answers == (Quad,):
        quads = [whole(item.quad) for item in found.items if isinstance(item, Quad)]
        return {"quad_boxes": quads, "labels": [item.text for item in found.items]}
    if FORMS[task].answers == (Outline,):
        return {"polygons": polygons, "labels": [item.text for item in outlines]}
    if FORMS[task].answers == (Box,):
        return {"bboxes": places, "labels": names}
    return {
        "bboxes": places, "bboxes_labels": names, "polygons": polygons,
        "polygons_labels": [item.text for item in outlines],
    }  # fmt: skip


@st.composite
def answers(draw: st.DrawFn, task: Task) -> list[Item]:
    def numbers(count: int) -> st.SearchStrategy[tuple[float, ...]]:
        return st.tuples(*[st.floats(0, SIZE[at % 2]) for at in range(count)])

    form = FORMS[task]
    if form.answers == (Text,):
        return [Text(draw(PLAIN))]
    labels = PLAIN if form.named else st.just("")
    rings = st.lists(st.sampled_from([6, 8, 14]).flatmap(numbers), min_size=1, max_size=2).map(tuple)
    kinds: dict[type[Item], st.SearchStrategy[Any]] = {
        Box: st.builds(Box, labels, numbers(4)),
        Quad: st.builds(Quad, labels, numbers(8)),
        Outline: st.builds(Outline, labels, rings),
    }
    return draw(st.lists(kinds[draw(st.sampled_from(form.answers))], min_size=1, max_size=5))


@pytest.mark.parametrize("task", Task)
@given(data=st.data())
@settings(deadline=None, max_examples=30)
def test_both_read_what_the_codec_writes(processor: Any, task: Task, data: st.DataObject) -> None:
    text = encode(task, data.draw(answers(task)), SIZE).text
    assert theirs(processor, task, text) == ours(task, text)
    assert theirs(processor, task, f"</s><s>{text}</s>") == ours(task, f"</s><s>{text}</s>")


@pytest.mark.parametrize("task", Task)
def test_both_ask_the_same(processor: Any, task: Task) -> None:
    region = "<loc_0><loc_0><loc_9><loc_9>"
    asks: dict[Any, tuple[str, list[Item]]] = {
        None: ("", []), Text: ("a dog", [Text("a dog")]), Box: (region, [Box("", (0, 0, 6, 4.5))]),
    }  # fmt: skip
    words, ask = asks[FORMS[task].asks]
    assert processor._construct_prompts(task.token + words) == [prompt(task, ask, SIZE)]


BOX = "<loc_1><loc_1><loc_9><loc_9>"
QUAD = BOX + BOX
RING = "<loc_1><loc_1><loc_9><loc_1><loc_9><loc_9>"


def names(found: Any) -> list[str]:
    """All labels that the processor found."""
    return [name for key, values in found.items() if "labels" in key for name in values]


@pytest.mark.parametrize(
    ("task", "text", "read", "lost"),
    [
        (Task.OD, f"犬{BOX}naïve{BOX}", ["犬", "naïve"], ["", "nave"]),  # ASCII alone
        (Task.CAPTION_TO_PHRASE_GROUNDING, f"une fenêtre{BOX}", ["une fenêtre"], ["une fentre"]),
        (Task.OD, f"a < b{BOX}", ["a < b"], ["b"]),  # a `<`
        (Task.OD, f"two\nlines{BOX}", ["two\nlines"], []),  # a newline
        (Task.OCR_WITH_REGION, f"two\nlines{QUAD}", ["two\nlines"], ["lines"]),
        (Task.OD, f"  cat {BOX}", ["  cat "], ["cat"]),  # spaces
        (Task.OCR_WITH_REGION, f" cat {QUAD}", [" cat "], ["cat"]),
        (Task.OD, f"<\\>{BOX}", [""], ["\\>"]),  # no label
        (Task.OD, f"<\\loc_5>{BOX}", ["<loc_5>"], ["\\loc_5>"]),  # a label that looks like a marker
        (Task.OD, f"cat{BOX}dog{BOX[:-7]}<loc_1000>", ["cat"], ["cat", "dog"]),  # no such bin
        (Task.OD, "cat<loc_9><loc_1><loc_1><loc_9>", [], ["cat"]),  # inside out
        (Task.OPEN_VOCABULARY_DETECTION, f"cat{BOX}dog<poly>{RING}</poly>", ["cat", "dog"], ["cat", "dog"]),
        (Task.OPEN_VOCABULARY_DETECTION, f"cat<poly>{RING}</poly><poly>{RING}", ["cat", "cat"], ["cat"]),  # unclosed
        (Task.REGION_TO_SEGMENTATION, "<loc_1><loc_1><loc_9><loc_9>", [], [""]),  # a polygon of two points
        (Task.OCR_WITH_REGION, f"a{QUAD}{QUAD}b{QUAD}", ["a", "b"], ["a", f"{QUAD}b"]),  # one quad too many
    ],
)
def test_labels_that_the_processor_loses(
    processor: Any, task: Task, text: str, read: list[str], lost: list[str]
) -> None:
    assert [item.text for item in decode(task, text, SIZE).items] == read
    assert names(theirs(processor, task, text)) == lost


def test_boxes_beside_polygons_become_polygons_there(processor: Any) -> None:
    text = f"cat{BOX}dog<poly>{RING}</poly>"
    assert [type(item) for item in decode(Task.OPEN_VOCABULARY_DETECTION, text, SIZE).items] == [Box, Outline]
    assert theirs(processor, Task.OPEN_VOCABULARY_DETECTION, text)["bboxes"] == []


def test_a_bin_too_many_lies_outside_of_the_image_there(processor: Any) -> None:
    text = "cat<loc_0><loc_0><loc_1005><loc_9>"
    assert decode(Task.OD, text, SIZE).items == ()
    assert theirs(processor, Task.OD, text)["bboxes"][0][2] > SIZE[0]


def test_a_caption_keeps_markers_there_and_loses_its_spaces(processor: Any) -> None:
    text = " a cat<loc_5> on a mat\n</s>"
    assert decode(Task.CAPTION, text, SIZE).items == (Text(" a cat on a mat\n"),)
    assert theirs(processor, Task.CAPTION, text) == "a cat<loc_5> on a mat"


def test_phrases_that_are_banned_there_are_for_filters_here(processor: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processor.post_processor, "banned_grounding_tokens", {"it"})
    text = f"it{BOX}a cat{BOX}"
    assert [item.text for item in decode(Task.CAPTION_TO_PHRASE_GROUNDING, text, SIZE).items] == ["it", "a cat"]
    assert names(theirs(processor, Task.CAPTION_TO_PHRASE_GROUNDING, text)) == ["a cat"]


def test_a_caption_with_the_name_of_a_task_breaks_its_prompt_there(processor: Any) -> None:
    caption = "a sign that says <OD>"
    assert prompt(Task.CAPTION_TO_PHRASE_GROUNDING, [Text(caption)]).endswith(caption)
    with pytest.raises(ValueError, match="only content"):
        processor._construct_prompts(Task.CAPTION_TO_PHRASE_GROUNDING.token + caption)
