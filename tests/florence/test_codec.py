"""The codec: what is written is read back, whatever a model writes is read, and a budget cuts whole items."""

from __future__ import annotations

import math
import re
from collections import Counter
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from florence.codec import (
    ADDED,
    FORMS,
    IMAGE,
    Box,
    Decoded,
    Item,
    Outline,
    Quad,
    Size,
    Task,
    Text,
    asked,
    decode,
    encode,
    escape,
    prompt,
    read,
    unescape,
)

MARKERS = ["<loc_0>", "<loc_5>", "<loc_999>", "<sep>", "<poly>", "</poly>", "<and>", "<s>", "</s>", "<pad>"]
NASTY = [*MARKERS, "<loc_1000>", "<mask>", IMAGE, "<od>", "<", ">", "\\", "<\\", "<\\loc_5>", "<\\>", "<>", "\n", " "]
TEXTS = st.text(st.characters(codec="utf-8"), max_size=12) | st.lists(
    st.sampled_from([*NASTY, "cat", "שלום", "犬", "👨‍👩‍👧", "é"]), max_size=5
).map("".join)
SIZES = st.tuples(st.floats(1, 5000), st.floats(1, 5000)) | st.sampled_from(
    [(1.0, 1.0), (1000.0, 1000.0), (640.0, 480.0)]
)
SQUARE = (1000.0, 1000.0)  # a pixel is a bin


def coordinates(size: Size, least: int, most: int) -> st.SearchStrategy[tuple[float, ...]]:
    """So many points, some of them a little outside of the image, some alike."""
    x, y = (st.sampled_from([0.0, side, side / 2]) | st.floats(-5, side + 5) for side in size)
    points = st.lists(st.tuples(x, y), min_size=least, max_size=most)
    return points.map(lambda pairs: tuple(value for pair in pairs for value in pair))


@st.composite
def answers(draw: st.DrawFn, task: Task, size: Size) -> list[Item]:
    form = FORMS[task]
    if form.answers == (Text,):
        return [Text(draw(TEXTS))]
    labels = st.sampled_from(draw(st.lists(TEXTS, min_size=1, max_size=3))) if form.named else st.just("")
    rings = st.lists(coordinates(size, 3, 6), min_size=1, max_size=3).map(tuple)
    kinds: dict[type[Item], st.SearchStrategy[Any]] = {
        Box: st.builds(Box, labels, coordinates(size, 2, 2)),
        Quad: st.builds(Quad, labels, coordinates(size, 4, 4)),
        Outline: st.builds(Outline, labels, rings),
    }
    return draw(st.lists(st.one_of([kinds[kind] for kind in form.answers]), max_size=6))


def centre(value: float, side: float) -> float:
    """Of the bin of a coordinate, by the formula."""
    return (min(max(math.floor(value / (side / 1000)), 0), 999) + 0.5) * side / 1000


def seen(item: Item, size: Size) -> Any:
    """What must be the same of an item in pixels, before it is written and after it is read."""

    def points(values: tuple[float, ...]) -> list[tuple[float, float]]:
        pairs = zip(values[::2], values[1::2], strict=True)
        return [(round(centre(x, size[0]), 6), round(centre(y, size[1]), 6)) for x, y in pairs]

    match item:
        case Box(text, box):
            return text, *(tuple(sorted(side)) for side in zip(*points(box), strict=True))
        case Quad(text, quad):
            return text, *points(quad)
        case Outline(text, polygons):
            return text, *(tuple(sorted(points(ring))) for ring in polygons)
    return item.text


@pytest.mark.parametrize("task", Task)
@given(st.data())
@settings(deadline=None, max_examples=60)
def test_what_is_written_is_read_back(task: Task, data: st.DataObject) -> None:
    size = data.draw(SIZES)
    items = data.draw(answers(task, size))
    target = encode(task, items, size)
    found = decode(task, target.text, size)
    assert (found.invalid, target.kept, target.cut) == (0, len(items), 0)
    assert Counter(seen(item, size) for item in found.items) == Counter(seen(item, size) for item in items)
    assert encode(task, found.items, size).text == target.text
    assert all(int(bin) < 1000 for bin in re.findall("<loc_([0-9]+)>", target.text))


@pytest.mark.parametrize("task", Task)
@given(st.data())
@settings(deadline=None, max_examples=40)
def test_what_is_asked_is_read_back(task: Task, data: st.DataObject) -> None:
    form, size = FORMS[task], data.draw(SIZES)
    ask: list[Item] = []
    if form.asks is Box:
        ask = [Box("", data.draw(coordinates(size, 2, 2)))]
    elif form.asks is Text:
        ask = [Text(text) for text in data.draw(st.lists(TEXTS, min_size=1, max_size=3 if form.several else 1))]
    found = asked(task, prompt(task, ask, size), size)
    assert found.invalid == 0
    assert [seen(item, size) for item in found.items] == [seen(item, size) for item in ask]


@pytest.mark.parametrize("task", Task)
@given(st.lists(st.sampled_from([*NASTY, "<loc_7>" * 4, "<loc_7>" * 8, "cat", "<loc_99999>"]) | TEXTS, max_size=25))
@settings(deadline=None, max_examples=80)
def test_whatever_a_model_writes_is_read(task: Task, soup: list[str]) -> None:
    text = "".join(soup)
    found = read(task, text)
    written = encode(task, found.items, SQUARE).text
    again = read(task, written)
    assert (again.invalid, len(again.items)) == (0, len(found.items))
    assert encode(task, again.items, SQUARE).text == written
    assert asked(task, text, SQUARE).invalid >= 0
    assert all(isinstance(item, FORMS[task].answers) for item in found.items)


def test_a_number_of_many_digits_is_no_bin() -> None:
    assert read(Task.REGION_PROPOSAL, f"<loc_{'9' * 5000}>" + "<loc_1>" * 3) == Decoded((), 1)


@pytest.mark.parametrize(
    ("task", "text", "items", "invalid"),
    [
        (Task.OD, "</s><s>cat<loc_1><loc_2><loc_3><loc_4></s><pad>", [Box("cat", (1, 2, 3, 4))], 0),
        (Task.OD, "cat" + "<loc_1>" * 8, [Box("cat", (1, 1, 1, 1))] * 2, 0),
        (Task.OD, "cat" + "<loc_1>" * 6, [Box("cat", (1, 1, 1, 1))], 1),  # cut short
        (Task.OD, "cat<loc_1><loc_1><loc_1000><loc_1>", [], 1),
        (Task.OD, "cat<loc_9><loc_1><loc_1><loc_1>", [], 1),  # inside out
        (Task.OD, "cat<sep>dog" + "<loc_1>" * 4, [Box("catdog", (1, 1, 1, 1))], 1),
        (Task.OD, "<loc_1>" * 4 + "dog" + "<loc_2>" * 4, [Box("dog", (2, 2, 2, 2))], 1),
        (Task.OD, "cat" + "<loc_1>" * 4 + "dog", [Box("cat", (1, 1, 1, 1))], 1),  # a label without a place
        (Task.OD, "<\\>" + "<loc_1>" * 4, [Box("", (1, 1, 1, 1))], 0),
        (Task.OD, "", [], 0),
        (Task.REGION_PROPOSAL, "cat" + "<loc_1>" * 4, [Box("", (1, 1, 1, 1))], 1),
        (Task.OCR_WITH_REGION, "a\nb" + "<loc_1>" * 8, [Quad("a\nb", (1,) * 8)], 0),
        (Task.OCR_WITH_REGION, "a" + "<loc_1>" * 16, [Quad("a", (1,) * 8)], 1),  # whose text is the second?
        (Task.OCR_WITH_REGION, "a" + "<loc_1>" * 7, [], 1),
        (Task.REGION_TO_SEGMENTATION, "<loc_1>" * 7, [Outline("", ((1,) * 6,))], 1),
        (Task.REGION_TO_SEGMENTATION, "<loc_1>" * 6 + "<sep>" + "<loc_2>" * 4, [Outline("", ((1,) * 6,))], 1),
        (Task.REGION_TO_SEGMENTATION, "<poly>" + "<loc_1>" * 6, [Outline("", ((1,) * 6,))], 1),
        (Task.REGION_TO_SEGMENTATION, "<loc_1>" * 6 + "</poly>", [Outline("", ((1,) * 6,))], 1),
        (Task.REGION_TO_SEGMENTATION, "<poly></poly>", [], 1),
        (
            Task.OPEN_VOCABULARY_DETECTION,
            "cat" + "<loc_1>" * 4 + "<poly>" + "<loc_2>" * 6 + "</poly>",
            [Box("cat", (1, 1, 1, 1)), Outline("cat", ((2,) * 6,))],
            0,
        ),
        (Task.CAPTION, "a cat<loc_1> on a mat</s>", [Text("a cat on a mat")], 1),
        (Task.OCR, "", [Text("")], 0),
    ],
)
def test_what_makes_sense_is_kept_and_the_rest_counted(task: Task, text: str, items: list[Item], invalid: int) -> None:
    assert read(task, text) == Decoded(tuple(items), invalid)


# The format


def box(text: str, *at: float) -> Box:
    return Box(text, at)


def locs(*bins: int) -> str:
    return "".join(f"<loc_{bin}>" for bin in bins)


def target(task: Task, *items: Item, size: Size = SQUARE) -> str:
    return encode(task, items, size).text


def test_boxes_of_one_label_stand_under_it_the_largest_first() -> None:
    small, dog, large = box("cat", 1, 1, 2, 2), box("dog", 0, 0, 50, 50), box("cat", 0, 0, 100, 100)
    expected = f"cat{locs(0, 0, 100, 100)}{locs(1, 1, 2, 2)}dog{locs(0, 0, 50, 50)}"
    assert target(Task.OD, small, dog, large) == target(Task.OD, large, small, dog) == expected


def test_proposals_are_boxes_alone_the_largest_first() -> None:
    proposals = target(Task.REGION_PROPOSAL, box("", 1, 1, 2, 2), box("", 0, 0, 9, 9))
    assert proposals == locs(0, 0, 9, 9) + locs(1, 1, 2, 2)


def test_phrases_stay_in_the_order_of_the_caption() -> None:
    said = [
        box("a cat", 0, 0, 1, 1),
        box("two dogs", 0, 0, 9, 9),
        box("two dogs", 0, 0, 8, 8),
        box("a cat", 3, 3, 4, 4),
    ]
    assert target(Task.CAPTION_TO_PHRASE_GROUNDING, *said) == (
        f"a cat{locs(0, 0, 1, 1)}two dogs{locs(0, 0, 9, 9)}{locs(0, 0, 8, 8)}a cat{locs(3, 3, 4, 4)}"
    )


def test_a_vocabulary_is_answered_with_a_label_for_every_box() -> None:
    boxes = [box("cat", 0, 0, 9, 9), box("cat", 0, 0, 8, 8)]
    assert target(Task.OPEN_VOCABULARY_DETECTION, *boxes) == f"cat{locs(0, 0, 9, 9)}cat{locs(0, 0, 8, 8)}"
    assert prompt(Task.OPEN_VOCABULARY_DETECTION, [Text("cat"), Text("dog")]) == "Locate cat<and>dog in the image."


def test_lines_are_written_from_top_to_bottom() -> None:
    low, high = Quad("low", (0, 50, 9, 50, 9, 60, 0, 60)), Quad("high", (5, 4, 9, 0, 9, 9, 5, 9))
    assert target(Task.OCR_WITH_REGION, low, high) == f"high{locs(*map(int, high.quad))}low{locs(*map(int, low.quad))}"


def test_polygons_are_clockwise_and_stand_in_their_instance() -> None:
    ring, back, other = (0, 0, 9, 0, 9, 9), (0, 0, 9, 9, 9, 0), (20, 20, 30, 20, 30, 30)
    one, two = Outline("", (back, other)), Outline("", (tuple(100 + value for value in other),))
    whole = f"{locs(*ring)}<sep>{locs(*other)}"
    assert target(Task.REFERRING_EXPRESSION_SEGMENTATION, one) == whole
    both = f"<poly>{whole}</poly><poly>{locs(120, 120, 130, 120, 130, 130)}</poly>"
    assert target(Task.REFERRING_EXPRESSION_SEGMENTATION, two, one) == both
    named = target(Task.OPEN_VOCABULARY_DETECTION, Outline("cat", (ring,)))
    assert named == f"cat<poly>{locs(*ring)}</poly>"


def test_bins_are_a_thousandth_of_the_side_and_read_at_their_centre() -> None:
    size = (640.0, 480.0)
    written = target(Task.REGION_PROPOSAL, box("", 0, 0.48, 640, 480), size=size)
    assert written == locs(0, 1, 999, 999)
    ((found,),) = [decode(Task.REGION_PROPOSAL, written, size).items]
    assert isinstance(found, Box)
    assert found.box == pytest.approx((0.32, 0.72, 639.68, 479.76))


def test_a_box_beyond_the_image_or_inside_out_becomes_one_in_it() -> None:
    assert target(Task.REGION_PROPOSAL, box("", 2000, float("inf"), -5, 3)) == locs(0, 3, 999, 999)


def test_a_region_is_asked_by_its_bins() -> None:
    ask = prompt(Task.REGION_TO_CATEGORY, [box("", 64, 48, 320, 240)], (640, 480))
    assert ask == f"What is the region {locs(100, 100, 500, 500)}?"
    assert asked(Task.REGION_TO_CATEGORY, ask) == Decoded((box("", 100, 100, 500, 500),), 0)


@pytest.mark.parametrize(
    ("task", "text", "invalid"),
    [
        (Task.CAPTION, "What does the image describe? ", 1),
        (Task.REGION_TO_OCR, "What text is in the region?", 1),
        (Task.REGION_TO_OCR, "What text is in the region <loc_1>?", 1),
        (Task.REGION_TO_OCR, "What text is in the region ?", 1),
        (Task.OPEN_VOCABULARY_DETECTION, "Locate the image.", 1),
        (Task.CAPTION_TO_PHRASE_GROUNDING, "Locate", 1),
    ],
)
def test_another_prompt_is_none(task: Task, text: str, invalid: int) -> None:
    assert asked(task, text, SQUARE) == Decoded((), invalid)


# The escape


@given(st.text(st.characters(codec="utf-8")))
def test_ordinary_text_stays_as_it_is(text: str) -> None:
    if not re.search(r"<\\*[^<>\\]*>", text):
        assert escape(text) == text


@pytest.mark.parametrize(
    "text", ["I <3 dogs", "a < b > c", "<b>bold</b>", "C:\\<dir>", "<>", "<loc_x>", "<CAPTION>", ""]
)
def test_a_bracket_is_no_marker(text: str) -> None:
    assert escape(text) == text
    assert target(Task.CAPTION, Text(text)) == text


@pytest.mark.parametrize(
    "marker", ["<s>", "<pad>", "</s>", "<unk>", "<mask>", IMAGE, "<loc_1000>", *ADDED[:5], *ADDED[-20:]]
)
def test_no_marker_gets_through(marker: str) -> None:
    for text in (marker, f"<\\{marker[1:]}", f"<{marker}>"):
        assert marker not in escape(text)
        assert unescape(escape(text)) == text


@pytest.mark.parametrize("text", [*NASTY, "", "<\\\\>", "<\\\\loc_5>", "</s><\\>"])
def test_a_label_like_a_marker_or_its_escape_is_read_back(text: str) -> None:
    for task in (Task.OD, Task.CAPTION):
        item = Text(text) if task == Task.CAPTION else box(text, 1, 1, 2, 2)
        assert read(task, target(task, item)) == Decoded((item,), 0)


# The budget


def words(text: str) -> int:
    """Tokens, nearly: a marker, or a word."""
    return len(re.findall(r"<[^<>]+>|[^<>\s]+", text))


@pytest.mark.parametrize(("budget", "kept"), [(0, 0), (4, 0), (5, 1), (9, 2), (13, 2), (14, 3), (100, 3)])
def test_a_budget_leaves_the_largest_boxes(budget: int, kept: int) -> None:
    boxes = [box("cat", 0, 0, 9, 9), box("dog", 0, 0, 1, 1), box("cat", 0, 0, 8, 8)]
    cut = encode(Task.OD, boxes, SQUARE, words, budget)
    assert (cut.kept, cut.cut) == (kept, 3 - kept)
    assert cut.text == target(Task.OD, *[boxes[0], boxes[2], boxes[1]][:kept])


@pytest.mark.parametrize("task", Task)
@given(st.data(), st.integers(0, 60))
@settings(deadline=None, max_examples=40)
def test_what_a_budget_leaves_fits_and_one_more_would_not(task: Task, data: st.DataObject, budget: int) -> None:
    items = data.draw(answers(task, SQUARE))
    cut = encode(task, items, SQUARE, len, budget)
    assert len(cut.text) <= budget
    assert cut.kept + cut.cut == len(items)
    assert read(task, cut.text).invalid == 0
    if task not in (Task.OD, Task.DENSE_REGION_CAPTION):
        assert (
            FORMS[task].answers == (Text,)
            or read(task, target(task, *items)).items[: cut.kept] == read(task, cut.text).items
        )


# What cannot be written


@pytest.mark.parametrize(
    ("task", "items", "size", "message"),
    [
        (Task.CAPTION, [], SQUARE, "one text, not with 0"),
        (Task.CAPTION, [box("", 0, 0, 1, 1)], SQUARE, "CAPTION is answered with Text"),
        (Task.OD, [Text("cat")], SQUARE, "OD is answered with Box"),
        (Task.OPEN_VOCABULARY_DETECTION, [Text("cat")], SQUARE, "Box or Outline"),
        (Task.REGION_PROPOSAL, [box("cat", 0, 0, 1, 1)], SQUARE, "without labels"),
        (Task.OD, [box("cat", 0, 0, 1)], SQUARE, "a box has 4"),
        (Task.OCR_WITH_REGION, [Quad("a", (0,) * 7)], SQUARE, "a quad 8"),
        (Task.REGION_TO_SEGMENTATION, [Outline("", ((0, 0, 1, 1),))], SQUARE, "polygons of 6"),
        (Task.REGION_TO_SEGMENTATION, [Outline("", ())], SQUARE, "polygons of 6"),
        (Task.OD, [box("cat", 0, 0, 1, float("nan"))], SQUARE, "not a number"),
        (Task.OD, [box("cat", 0, 0, 1, 1)], (0.0, 10.0), "cannot be 0.0 pixels"),
    ],
)
def test_what_a_task_cannot_hold_is_refused(task: Task, items: list[Item], size: Size, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        encode(task, items, size)


@pytest.mark.parametrize(
    ("task", "ask", "message"),
    [
        (Task.OD, [Text("cat")], "asks for nothing"),
        (Task.CAPTION_TO_PHRASE_GROUNDING, [], "asks for one Text"),
        (Task.CAPTION_TO_PHRASE_GROUNDING, [Text("a"), Text("b")], "asks for one Text"),
        (Task.REGION_TO_OCR, [Text("a")], "asks for one Box"),
        (Task.REGION_TO_OCR, [box("", 0, 0, 1, 1)], "needs the image's size"),
    ],
)
def test_what_a_task_cannot_ask_is_refused(task: Task, ask: list[Item], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        prompt(task, ask)
