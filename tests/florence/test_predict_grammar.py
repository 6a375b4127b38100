"""The grammar: it takes whatever the codec writes, and nothing that the codec cannot read."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from florence import tokenizer
from florence.codec import FORMS, Box, Outline, Quad, Task, Text, encode, read
from florence.predict.grammar import DONE, Grammar, Kind, begin, rules

SIZE = (640.0, 480.0)
SPARE = 7  # entries of the model's vocabulary behind the tokenizer's


@pytest.fixture(scope="module")
def words() -> Any:
    return tokenizer.train(["a dog on a mat"], tokenizer.LEAST)


@pytest.fixture(scope="module")
def grammar(words: Any) -> Grammar:
    return Grammar.of(words, len(words) + SPARE)


def takes(grammar: Grammar, words: Any, task: Task, text: str) -> bool:
    """Whether the grammar lets a model write this and then end."""
    ids = words(text).input_ids[1:]
    return all(grammar.follow(task, ids)) and ids[-1] == 2


@st.composite
def answers(draw: st.DrawFn) -> tuple[Task, list[Any]]:
    """A task, and items that answer it."""
    task = draw(st.sampled_from(Task))
    form = FORMS[task]
    coordinate = st.floats(-10, 700, width=32)
    label = st.text(max_size=8) | st.sampled_from(["", "<loc_5>", "</s>", "a < b", "é"])

    def some(length: int) -> st.SearchStrategy[tuple[float, ...]]:
        return st.lists(coordinate, min_size=length, max_size=length).map(tuple)

    def item(kind: type) -> st.SearchStrategy[Any]:
        text = label if form.named else st.just("")
        rings = st.lists(st.integers(3, 5).flatmap(lambda points: some(2 * points)), min_size=1, max_size=3).map(tuple)
        return {
            Text: st.builds(Text, label), Box: st.builds(Box, text, some(4)), Quad: st.builds(Quad, text, some(8)),
            Outline: st.builds(Outline, text, rings),
        }[kind]  # fmt: skip

    one = form.answers == (Text,)
    each = st.one_of([item(kind) for kind in form.answers])
    return task, draw(st.lists(each, min_size=int(one), max_size=1 if one else 4))


@given(answers())
@settings(max_examples=150, deadline=None)
def test_whatever_the_codec_writes_may_be_written(grammar: Grammar, words: Any, answer: tuple[Task, list[Any]]) -> None:
    task, items = answer
    assert takes(grammar, words, task, encode(task, items, SIZE).text)


@given(st.sampled_from(Task), st.integers(0, 2**32 - 1))
@settings(max_examples=150, deadline=None)
def test_whatever_may_be_written_can_be_read(grammar: Grammar, words: Any, task: Task, seed: int) -> None:
    import torch

    rng = np.random.default_rng(seed)
    states, ids, whole = grammar.start([task]), [2, 0], 2
    for _ in range(60):
        allowed = grammar.mask(states, torch.tensor(ids[-2:-1]))[0].numpy()
        # A kind first: else nearly all would be locations.
        kind = rng.choice(np.unique(grammar.kind.numpy()[allowed]))
        token = int(rng.choice(np.flatnonzero(allowed & (grammar.kind.numpy() == kind))))
        if kind == Kind.END:
            continue
        ids.append(token)
        states = grammar.step(states, torch.tensor([token]))
        whole = len(ids) if grammar.whole[states][0] else whole
    text = tokenizer.decode(words, ids[2:whole])
    if "<" in text.replace("<loc_", "").replace("<sep>", "").replace("<poly>", "").replace("</poly>", ""):
        return  # words that may spell a marker: test_predict_scores
    assert read(task, text).invalid == 0


@pytest.mark.parametrize(
    ("task", "text"),
    [
        (Task.CAPTION, "a dog<loc_1>"),
        (Task.OCR, "<poly>"),
        (Task.OD, "<loc_1><loc_2><loc_3><loc_4>"),
        (Task.OD, "dog"),
        (Task.OD, "dog<loc_1><loc_2><loc_3>"),
        (Task.OD, "dog<loc_1><loc_2><loc_3><loc_4><loc_5>"),
        (Task.OD, "dog<loc_10><loc_2><loc_3><loc_4>"),
        (Task.OD, "dog<loc_1><loc_20><loc_3><loc_4>"),
        (Task.OD, "dog<loc_1><sep><loc_2><loc_3><loc_4>"),
        (Task.CAPTION_TO_PHRASE_GROUNDING, "dog<loc_1><loc_2><loc_3><loc_4>cat"),
        (Task.REGION_PROPOSAL, "dog<loc_1><loc_2><loc_3><loc_4>"),
        (Task.REGION_PROPOSAL, "<loc_1><loc_2><loc_3><loc_4><loc_9>"),
        (Task.OCR_WITH_REGION, "a<loc_1><loc_2><loc_3><loc_4>"),
        (Task.OCR_WITH_REGION, "a" + "<loc_1>" * 16),
        (Task.REGION_TO_SEGMENTATION, "<loc_1>" * 4),
        (Task.REGION_TO_SEGMENTATION, "<loc_1>" * 7),
        (Task.REGION_TO_SEGMENTATION, "<loc_1>" * 6 + "<sep>"),
        (Task.REGION_TO_SEGMENTATION, "<poly>" + "<loc_1>" * 6),
        (Task.REGION_TO_SEGMENTATION, "<poly></poly>"),
        (Task.REGION_TO_SEGMENTATION, "<loc_1>" * 6 + "</poly>"),
        (Task.OPEN_VOCABULARY_DETECTION, "a<poly>" + "<loc_1>" * 6 + "<sep></poly>"),
        (Task.OPEN_VOCABULARY_DETECTION, "<poly>" + "<loc_1>" * 6 + "</poly>"),
        (Task.OD, "<unk>"),
        (Task.CAPTION, "<image>"),
        (Task.CAPTION, "<s>a dog"),
    ],
)
def test_what_the_codec_could_not_read_whole_is_never_written(
    grammar: Grammar, words: Any, task: Task, text: str
) -> None:
    assert not takes(grammar, words, task, text)


@pytest.mark.parametrize(
    ("task", "text"),
    [
        (Task.OD, "dog<loc_1><loc_2><loc_3><loc_4><loc_5><loc_6><loc_7><loc_8>cat<loc_1><loc_2><loc_1><loc_2>"),
        (Task.REGION_TO_SEGMENTATION, "<loc_1>" * 8 + "<sep>" + "<loc_9>" * 6),
        (Task.OPEN_VOCABULARY_DETECTION, "a<loc_1><loc_2><loc_3><loc_4><poly>" + "<loc_1>" * 6 + "</poly>"),
        *((task, "") for task in Task),
    ],
)
def test_what_can_be_read_may_be_written(grammar: Grammar, words: Any, task: Task, text: str) -> None:
    assert takes(grammar, words, task, text)
    assert read(task, text).invalid == 0 or not text


def test_every_state_is_led_to_and_leads_to_an_end() -> None:
    table = rules()
    led = {begin(task) for task in Task} | {DONE}
    while more := {where for name in led for where in table[name].values()} - led:
        led |= more
    assert led == set(table)
    ends = {DONE}
    while more := {name for name, steps in table.items() if ends & set(steps.values())} - ends:
        ends |= more
    assert ends == set(table)


def test_entries_without_a_token_are_never_written(grammar: Grammar, words: Any) -> None:
    assert not grammar.allowed[:, len(words) :].any()
    assert {int(kind) for kind in grammar.kind[len(words) :]} == {Kind.NEVER}
