"""All 15 tasks of a batch of images asked at once, against one plain `model.generate` per task: at least 1.5.

The plain way is what one would write without `florence.predict`: processor, generate, batch_decode for each task. Both
write greedily, in float32, and as many tokens: 24 of a text, 64 of places. A core's own time is measured, on one
thread, whatever else the machine does. The weights are random ones of the tiny preset, and of `base` at half its width;
only words have scores, so that neither ends early. The answers of the 8 tasks that are answered with words alone are
the same, which is seen to first; the tests hold the others.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence

import numpy as np

from benchmarks.figure import Figure, Options, compare
from florence import presets, tokenizer
from florence.codec import FORMS, Box, Item, Task, Text, prompt
from florence.predict import Ask, Predictor
from florence.predict.grammar import Kind, kinds
from florence.presets import Florence, Preset

IMAGES, SIZE, SIDE = 4, (512, 384), 384
TEXT, PLACES = 24, 64  # tokens of an answer
HALF = Preset((64, 128, 256, 512), (2, 4, 8, 16), (1, 1, 9, 1), 384, 6, 6, 4096, SIDE)
ABOUT: dict[type, tuple[Item, ...]] = {Text: (Text("a dog on a mat"),), Box: (Box("", (10, 20, 300, 200)),)}


def measure(options: Options) -> Iterator[Figure]:
    """In turns, each model by itself."""
    import torch

    torch.set_num_threads(1)
    rng = np.random.default_rng(0)
    images = [rng.integers(0, 256, (SIZE[1], SIZE[0], 3), np.uint8) for _ in range(IMAGES)]
    for name, shape in (("tiny", presets.preset("tiny")), ("half of base", HALF)):
        florence = _wordy(shape)
        predictor = Predictor(florence, tokens={task: _length(task) for task in Task})
        asks = [Ask(at, task, _about(task)) for task in Task for at in range(IMAGES)]

        def ours(predictor: Predictor = predictor, asks: Sequence[Ask] = asks) -> float:
            start = time.process_time()
            predictor(images, asks)
            return time.process_time() - start

        def plain(florence: Florence = florence) -> float:
            start = time.process_time()
            for task in Task:
                _generated(florence, images, task)
            return time.process_time() - start

        _require_same(florence, predictor, images)
        yield compare(f"15 tasks of {IMAGES} images, {name}", ours, plain, options.rounds, 1.5)


def _wordy(shape: Preset) -> Florence:
    """A random model that writes words and nothing else, without an end."""
    words = tokenizer.train(["a dog on a mat", *(form.prompt for form in FORMS.values())], shape.words)
    florence = presets.new(shape, words, image_size=SIDE)
    table = florence.model.get_input_embeddings().weight.data
    table[kinds(words, len(table)) != Kind.WORD] = 0
    florence.model.eval()
    return florence


def _generated(florence: Florence, images: Sequence[np.ndarray], task: Task) -> list[str]:
    """The plain way: what is written about each image."""
    import torch

    # The processor knows prompts by their task's token, and adds what is asked to it.
    asked = "".join(each.text for each in _about(task) if isinstance(each, Text))
    if FORMS[task].asks is Box:
        asked = prompt(task, _about(task), SIZE).partition("<loc")[2].rpartition(">")[0]
        asked = f"<loc{asked}>"
    inputs = florence.processor(
        images=list(images), text=[task.token + asked] * len(images), return_tensors="pt", padding=True
    )
    with torch.inference_mode():
        ids = florence.model.generate(**inputs, do_sample=False, num_beams=1, max_new_tokens=_length(task) + 1)
    texts: list[str] = florence.tokenizer.batch_decode(ids[:, 2:], clean_up_tokenization_spaces=False)
    return texts


def _require_same(florence: Florence, predictor: Predictor, images: Sequence[np.ndarray]) -> None:
    """End the benchmark unless both ways write the same texts."""
    for task in (task for task in Task if _length(task) == TEXT):
        ours = [answer.text for answer in predictor(images, [Ask(at, task, _about(task)) for at in range(IMAGES)])]
        theirs = [text.removesuffix("</s>") for text in _generated(florence, images, task)]  # the end is forced
        if not all(map(str.startswith, ours, theirs)) or not all(theirs):
            raise SystemExit(f"{task}: {ours} and {theirs} are not the same")


def _about(task: Task) -> tuple[Item, ...]:
    asks = FORMS[task].asks
    return ABOUT[asks] if asks else ()


def _length(task: Task) -> int:
    return TEXT if FORMS[task].answers == (Text,) else PLACES
