"""Prediction: what plain generation writes, seen once, in answers that parse whatever the weights are."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import predicted
import pytest

from florence.codec import Box, Outline, Quad, Task, Text, decode, encode
from florence.codec.items import coordinates
from florence.predict import Ask, NoNumbersError, Predictor
from florence.predict.grammar import Grammar
from florence.presets import Florence

OTHER = np.full((31, 9, 3), 90, np.uint8)


@pytest.fixture(scope="module")
def taught() -> Florence:
    return predicted.taught()


@pytest.fixture
def florence() -> Florence:
    return predicted.small()


def generated(florence: Florence, image: np.ndarray, task: Task, tokens: int, **manner: Any) -> list[int]:
    """What transformers' own generate writes, without the decoder's start, <s> and what fills the row."""
    inputs = predicted.inputs(florence, image, task)
    ids = florence.model.generate(**inputs, do_sample=False, max_new_tokens=tokens + 1, **manner)[0].tolist()
    assert ids[:2] == [2, 0]
    return ids[2:]


def tokens_of(predictor: Predictor, image: np.ndarray, tasks: list[Task]) -> list[list[int]]:
    """What a predictor writes, before it is read."""
    asks = [Ask(0, task, predicted.about(task)) for task in tasks]
    return [written.tokens for written in predictor.write(predictor.see([image]), asks)]


def bias(florence: Florence, **ids: float) -> Florence:
    """The model made to give each of its tokens the same score whatever it sees, but for these."""
    import torch

    head = torch.nn.Linear(florence.model.lm_head.in_features, florence.model.lm_head.out_features)
    head.weight.data.zero_()
    head.bias.data.zero_()
    for token, score in ids.items():
        head.bias.data[florence.tokenizer.convert_tokens_to_ids(token)] = score
    florence.model.lm_head = head
    return florence


def test_it_says_what_it_was_taught_about_everything_at_once(taught: Florence) -> None:
    answers = Predictor(taught)([predicted.PICTURE], predicted.asks())
    for answer in answers:
        target = encode(answer.task, predicted.KNOWN[answer.task], predicted.SIZE).text
        assert tuple(each.item for each in answer.items) == decode(answer.task, target, predicted.SIZE).items
        assert (answer.cut, answer.doubles, answer.invalid) == (0, 0, 0)
        assert min(each.believed for each in answer.items) > 0.5


def test_it_writes_what_plain_greedy_generation_writes(taught: Florence) -> None:
    written = tokens_of(Predictor(taught), predicted.PICTURE, list(Task))
    for task, ids in zip(Task, written, strict=True):
        assert [*ids, 2] == generated(taught, predicted.PICTURE, task, 120)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("no_repeat", [0, 3])
def test_garbage_is_that_of_plain_generation_as_far_as_the_grammar_goes(seed: int, no_repeat: int) -> None:
    florence = predicted.small(seed)
    florence.model.generation_config.no_repeat_ngram_size = no_repeat
    # Noise, so that not the same token comes again and again.
    florence.model.lm_head.weight.data *= 50
    grammar = Grammar.of(florence.tokenizer, florence.model.lm_head.out_features)
    budgets = dict.fromkeys(Task, 24)
    tasks = [Task.CAPTION, Task.OD, Task.REGION_PROPOSAL, Task.REGION_TO_SEGMENTATION]
    written = tokens_of(Predictor(florence, tokens=budgets), OTHER, tasks)
    for task, ids in zip(tasks, written, strict=True):
        theirs = generated(florence, OTHER, task, 24)
        good = sum(grammar.follow(task, theirs))
        whole = min(good, len(ids))
        assert ids[:whole] == theirs[:whole]


@pytest.mark.parametrize(("early", "penalty", "no_repeat"), [(True, 1.0, 0), (False, 0.0, 0), (False, 1.0, 3)])
def test_beams_find_what_plain_beams_find_under_the_same_grammar(early: bool, penalty: float, no_repeat: int) -> None:
    """Transformers' own search, told by its own hook what may come."""
    import torch

    florence = predicted.small(5)
    florence.model.lm_head.weight.data *= 20
    config = florence.model.generation_config
    config.early_stopping, config.length_penalty, config.no_repeat_ngram_size = early, penalty, no_repeat
    grammar = Grammar.of(florence.tokenizer, florence.model.lm_head.out_features)
    tasks = [Task.CAPTION, Task.OD, Task.REGION_PROPOSAL, Task.OPEN_VOCABULARY_DETECTION]
    written = tokens_of(Predictor(florence, beams=3, tokens=dict.fromkeys(Task, 14)), OTHER, tasks)
    for task, ids in zip(tasks, written, strict=True):

        def may(batch: int, before: Any, task: Task = task) -> list[int]:
            states, last = grammar.start([task]), before[-2:-1]
            for token in before[2:]:
                states = grammar.step(states, token[None])
            return grammar.mask(states, last)[0].nonzero()[:, 0].tolist() if len(before) > 1 else [0]

        with torch.inference_mode():
            theirs = generated(florence, OTHER, task, 15, num_beams=3, prefix_allowed_tokens_fn=may)
        theirs = theirs[: theirs.index(2)]
        assert theirs[: len(ids)] == ids
        assert len(ids) == len(theirs) or len(theirs) == 14  # what was cut off


def test_beams_find_what_is_at_least_as_probable(taught: Florence) -> None:
    answers = [Predictor(taught, beams=beams)([predicted.PICTURE], predicted.asks()) for beams in (1, 4)]
    assert [len(answer.items) for answer in answers[0]] == [len(answer.items) for answer in answers[1]]
    assert not any(answer.invalid or answer.cut for answer in answers[1])


def test_an_image_is_seen_once_and_answers_do_not_depend_on_what_else_is_asked(taught: Florence) -> None:
    looks: list[int] = []
    handle = taught.model.model.vision_tower.register_forward_hook(lambda *given: looks.append(len(given[2][0])))
    predictor = Predictor(taught)
    images = [predicted.PICTURE, OTHER]
    together = predictor(images, [*predicted.asks(0), *predicted.asks(1)])
    handle.remove()
    assert len(looks) == 2
    for ask, answer in zip([*predicted.asks(0), *predicted.asks(1)], together, strict=True):
        alone = predictor([images[ask.image]], [Ask(0, ask.task, ask.about)])[0]
        assert [each.item for each in answer.items] == [each.item for each in alone.items]
        assert [each.believed for each in answer.items] == pytest.approx(
            [each.believed for each in alone.items], rel=1e-3
        )


@pytest.mark.parametrize("beams", [1, 2])
@pytest.mark.parametrize(
    "token", ["</s>", "<loc_0>", "<loc_999>", "<poly>", "</poly>", "<sep>", "<pad>", "<image>", "a", "<s>", "<and>"]
)
def test_a_model_that_says_one_thing_gives_valid_answers(florence: Florence, token: str, beams: int) -> None:
    predictor = Predictor(bias(florence, **{token: 9.0}), beams, dict.fromkeys(Task, 24))
    for answer in predictor([OTHER], predicted.asks()):
        assert answer.invalid == 0
        for each in answer.items:
            check_inside(each.item, (9, 31))
            assert 0 <= each.believed <= 1
    if token == "</s>":
        assert not any(answer.items for answer in predictor([OTHER], predicted.asks()))


def check_inside(item: Any, size: tuple[int, int]) -> None:
    """The item's coordinates lie inside of an image of this size."""
    for at, value in enumerate(coordinates(item)):
        assert 0 <= value <= size[at % 2]


@pytest.mark.parametrize("seed", range(3))
def test_garbage_of_any_kind_gives_valid_answers(seed: int) -> None:
    import torch

    florence = predicted.small(seed)
    torch.manual_seed(seed)
    for parameter in florence.model.parameters():
        parameter.data += torch.randn_like(parameter) * 10.0 ** (seed - 1)
    for answer in Predictor(florence, tokens=dict.fromkeys(Task, 60))([OTHER], predicted.asks()):
        assert answer.invalid == 0
        for each in answer.items:
            check_inside(each.item, (9, 31))
            if isinstance(each.item, Box):
                assert each.item.box[0] <= each.item.box[2]
                assert each.item.box[1] <= each.item.box[3]


def test_what_the_room_cuts_off_is_counted(florence: Florence) -> None:
    predictor = Predictor(bias(florence, a=9.0), tokens=dict.fromkeys(Task, 10))
    answers = {answer.task: answer for answer in predictor([OTHER], predicted.asks())}
    assert (answers[Task.OD].items, answers[Task.OD].cut) == ((), 10)
    assert (answers[Task.CAPTION].text, answers[Task.CAPTION].cut) == ("a" * 10, 0)


def test_what_is_said_again_is_counted_once(florence: Florence) -> None:
    predictor = Predictor(bias(florence, **{"<loc_7>": 9.0}), tokens=dict.fromkeys(Task, 23))
    answer = predictor([OTHER], [Ask(0, Task.REGION_PROPOSAL)])[0]
    assert (len(answer.items), answer.doubles, answer.cut) == (1, 4, 3)


@pytest.mark.parametrize("beams", [1, 2])
def test_scores_that_are_no_numbers_are_an_error(florence: Florence, beams: int) -> None:
    with pytest.raises(NoNumbersError):
        Predictor(bias(florence, a=float("nan")), beams)([OTHER], [Ask(0, Task.CAPTION)])


def test_when_memory_runs_out_fewer_answers_are_written_at_once(taught: Florence) -> None:
    import torch

    sizes: list[int] = []

    def little(module: Any, given: tuple[Any, ...]) -> None:
        sizes.append(len(given[0]))
        if len(given[0]) > 4:
            raise torch.OutOfMemoryError("out of memory")

    usual = Predictor(taught)([predicted.PICTURE], predicted.asks())
    handle = taught.model.lm_head.register_forward_pre_hook(little)
    answers = Predictor(taught)([predicted.PICTURE], predicted.asks())
    handle.remove()
    assert sizes[:3] == [15, 7, 3]
    assert [[each.item for each in answer.items] for answer in answers] == [
        [each.item for each in answer.items] for answer in usual
    ]


def test_memory_that_is_too_little_for_one_is_an_error(florence: Florence) -> None:
    import torch

    def none(module: Any, given: tuple[Any, ...]) -> None:
        raise torch.OutOfMemoryError("out of memory")

    florence.model.lm_head.register_forward_pre_hook(none)
    with pytest.raises(torch.OutOfMemoryError):
        Predictor(florence)([OTHER], predicted.asks())


def test_half_precision_says_the_same(taught: Florence) -> None:
    import torch

    half = Florence(copy.deepcopy(taught.model).to(torch.bfloat16), taught.processor)
    for answer in Predictor(half)([predicted.PICTURE], [Ask(0, Task.CAPTION), Ask(0, Task.OD)]):
        assert {each.item.text for each in answer.items} == {each.text for each in predicted.KNOWN[answer.task]}
        assert answer.invalid == 0


def test_a_prompt_that_is_too_long_keeps_its_beginning_and_its_end(florence: Florence) -> None:
    long = Ask(0, Task.CAPTION_TO_PHRASE_GROUNDING, (Text("a cat and a dog " * 200),))
    answer = Predictor(florence, tokens=dict.fromkeys(Task, 8))([OTHER], [long])[0]
    assert answer.invalid == 0


@pytest.mark.parametrize("size", [(1, 1), (3, 400), (400, 3), (77, 50)])
def test_places_are_in_pixels_of_the_image(taught: Florence, size: tuple[int, int]) -> None:
    image = np.zeros((size[1], size[0], 3), np.uint8)
    asks = [Ask(0, Task.OD), Ask(0, Task.OCR_WITH_REGION), Ask(0, Task.REGION_TO_CATEGORY, (Box("", (0, 0, *size)),))]
    for answer in Predictor(taught)([image], asks):
        for each in answer.items:
            check_inside(each.item, size)
            assert isinstance(each.item, Box | Quad | Text | Outline)
