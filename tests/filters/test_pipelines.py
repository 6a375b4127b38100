"""Any spaCy pipeline is a setting: small ones with either label scheme, trained here, saved, named by their path."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import spacy
from captioned import image, rules, run, spans, table
from spacy.language import Language
from spacy.tokens import Doc
from spacy.training import Example
from spacy.util import fix_random_seed

from engine.memory import Memory
from engine.stage import Stage
from filters import parsing
from filters.blacklist import Blacklist
from filters.phrases import Phrases
from filters.syntax import Syntax, Word
from filters.text import TextSyntax

# Hand-annotated, one word as form/tag/head/relation; a head is the number of its word, counted from 0.
CLEARNLP = (
    "A/DT/1/det man/NN/6/nsubj in/IN/1/prep a/DT/5/det blue/JJ/5/amod shirt/NN/2/pobj rides/VBZ/6/ROOT a/DT/9/det "
    "brown/JJ/9/amod horse/NN/6/dobj ././6/punct",
    "Two/CD/1/nummod dogs/NNS/3/nsubjpass are/VBP/3/auxpass chased/VBN/3/ROOT by/IN/3/agent a/DT/6/det cat/NN/4/pobj "
    "that/WDT/8/nsubj jumps/VBZ/6/relcl ././3/punct",
    "cars/NNS/0/ROOT ,/,/0/punct buses/NNS/0/conj and/CC/2/cc people/NNS/2/conj in/IN/4/prep front/NN/5/pobj "
    "of/IN/6/prep the/DT/10/det old/JJ/10/amod bridge/NN/7/pobj",
)
PARTS = {
    "DT": "DET", "NN": "NOUN", "NNS": "NOUN", "JJ": "ADJ", "IN": "ADP", "VBZ": "VERB", "VBN": "VERB", "VBP": "AUX",
    "CD": "NUM", "CC": "CCONJ", "WDT": "PRON", ".": "PUNCT", ",": "PUNCT",
}  # fmt: skip
GERMAN = (
    "Ein/DET/1/det Mann/NOUN/6/nsubj in/ADP/5/case einem/DET/5/det blauen/ADJ/5/amod Hemd/NOUN/1/nmod "
    "reitet/VERB/6/ROOT ein/DET/8/det Pferd/NOUN/6/obj ././6/punct",
    "Zwei/NUM/2/nummod braune/ADJ/2/amod Hunde/NOUN/4/nsubj:pass werden/AUX/4/aux:pass gejagt/VERB/4/ROOT ././4/punct",
    "Autos/NOUN/0/ROOT ,/PUNCT/2/punct Busse/NOUN/0/conj und/CCONJ/4/cc Menschen/NOUN/0/conj vor/ADP/8/case "
    "der/DET/8/det alten/ADJ/8/amod Brücke/NOUN/0/nmod",
)
UPDATES = 200


@pytest.fixture(scope="module")
def clearnlp(tmp_path_factory: pytest.TempPathFactory) -> str:
    """As spaCy's English pipelines are made: tagger and parser, and rules that make parts of speech of tags."""
    nlp = spacy.blank("en")
    nlp.add_pipe("tagger")
    nlp.add_pipe("parser", config={"min_action_freq": 1})
    _train(nlp, [_example(nlp, line, "tags") for line in CLEARNLP])
    ruler: Any = nlp.add_pipe("attribute_ruler")
    for tag, part in PARTS.items():
        ruler.add(patterns=[[{"TAG": tag}]], attrs={"POS": part})
    return _saved(nlp, tmp_path_factory.mktemp("clearnlp"))


@pytest.fixture(scope="module")
def german(tmp_path_factory: pytest.TempPathFactory) -> str:
    """As spaCy's pipelines of other languages: morphologizer and parser, Universal Dependencies."""
    nlp = spacy.blank("de")
    nlp.add_pipe("morphologizer")
    nlp.add_pipe("parser", config={"min_action_freq": 1})
    _train(nlp, [_example(nlp, line, "pos") for line in GERMAN])
    return _saved(nlp, tmp_path_factory.mktemp("german"))


@pytest.fixture(autouse=True)
def _afresh() -> Iterator[None]:
    parsing.forget()
    yield
    parsing.forget()


def _words(line: str) -> list[list[str]]:
    return [word.rsplit("/", 3) for word in line.split()]


def _text(line: str) -> str:
    forms = (form for form, *_ in _words(line))
    return " ".join(forms).replace(" ,", ",").replace(" .", ".")


def _example(nlp: Language, line: str, tags: str) -> Example:
    forms, labels, heads, deps = zip(*_words(line), strict=True)
    doc = nlp.make_doc(_text(line))
    assert [token.text for token in doc] == list(forms)
    if tags == "pos":
        labels = tuple("PUNCT" if label == "." else label for label in labels)
    given = {"words": forms, tags: labels, "heads": [int(head) for head in heads], "deps": deps}
    return Example.from_dict(doc, {name: list(values) for name, values in given.items()})


def _train(nlp: Language, examples: list[Example]) -> None:
    """By heart: few texts, but the weights, the files and the loading of a real pipeline."""
    fix_random_seed(0)
    optimizer = nlp.initialize(lambda: examples)
    optimizer.learn_rate = 0.005
    for _ in range(UPDATES):
        nlp.update(examples, sgd=optimizer, drop=0.0)
        if all(_known(nlp, example.reference) for example in examples):
            return
    raise AssertionError(f"the texts were not learnt in {UPDATES} updates")


def _known(nlp: Language, gold: Doc) -> bool:
    def annotated(doc: Doc) -> list[tuple[str, str, str, int]]:
        return [(token.tag_, token.pos_, token.dep_, token.head.i) for token in doc]

    return annotated(nlp(gold.text)) == annotated(gold)


def _saved(nlp: Language, folder: Path) -> str:
    nlp.to_disk(folder / "model")
    return str(folder / "model")


def _read(pipeline: str, lines: tuple[str, ...]) -> list[Syntax]:
    return parsing.parse([_text(line) for line in lines], Memory(), pipeline)


def _forms(words: tuple[Word, ...]) -> list[str]:
    return [word.text for word in words]


def test_clearnlp_labels_are_understood(clearnlp: str) -> None:
    rider, dogs, cars = _read(clearnlp, CLEARNLP)
    assert _forms(rider.objects) == ["man", "shirt", "horse"]
    assert _forms(rider.attributes) == ["blue", "brown"]
    assert _forms(rider.actions) == ["rides"]
    assert [word.degree for word in rider.objects] == [3, 3, 3]
    assert _forms(dogs.objects) == ["dogs", "cat"]
    assert _forms(dogs.actions) == ["chased", "jumps"]
    assert _forms(cars.objects) == ["cars", "buses", "people", "bridge"]  # and no "front"


def test_universal_labels_of_another_language_are_understood(german: str) -> None:
    rider, dogs, cars = _read(german, GERMAN)
    assert _forms(rider.objects) == ["Mann", "Hemd", "Pferd"]
    assert _forms(rider.attributes) == ["blauen"]
    assert _forms(rider.actions) == ["reitet"]
    assert _forms(dogs.objects) == ["Hunde"]
    assert _forms(dogs.actions) == ["gejagt"]
    assert _forms(cars.objects) == ["Autos", "Busse", "Menschen", "Brücke"]


@pytest.mark.parametrize(
    ("extent", "found"),
    [
        ("bare", ["A man", "a blue shirt", "a brown horse", "Two dogs", "a cat", "cars", "buses", "people",
                  "the old bridge"]),
        ("full", ["A man in a blue shirt", "a blue shirt", "a brown horse", "Two dogs", "a cat that jumps", "cars",
                  "buses", "people in front of the old bridge", "the old bridge"]),
    ],
)  # fmt: skip
def test_phrases_by_a_clearnlp_pipeline(clearnlp: str, extent: Any, found: list[str]) -> None:
    stage = Phrases(pipeline=clearnlp, extent=extent)
    stage.check()
    assert spans(run(stage, table(*(image(_text(line)) for line in CLEARNLP))).table) == found


def test_phrases_of_another_language(german: str) -> None:
    outcome = run(Phrases(pipeline=german), table(*(image(_text(line)) for line in GERMAN)))
    assert spans(outcome.table) == [
        "Ein Mann", "einem blauen Hemd", "ein Pferd", "Zwei braune Hunde", "Autos", "Busse", "Menschen",
        "der alten Brücke",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("limits", "rule", "values"),
    [({"max_objects": 2}, "text_objects", [3, 3]), ({"min_object_degree": 5}, "text_object_degree", [3, 4]),
     ({"min_actions": 2}, "text_actions", [1, 1])],
)  # fmt: skip
def test_the_syntax_filter_judges_by_it(
    clearnlp: str, german: str, limits: dict[str, Any], rule: str, values: list[int]
) -> None:
    for pipeline, said, value in ((clearnlp, CLEARNLP[0], values[0]), (german, GERMAN[0], values[1])):
        outcome = run(TextSyntax(pipeline=pipeline, **limits), table(image(_text(said))))
        assert rules(outcome) == [rule]
        assert outcome.rejects["value"].to_pylist() == [value]


def test_what_was_parsed_by_one_pipeline_is_not_taken_for_another_ones(clearnlp: str, german: str) -> None:
    memory, said = Memory(), [_text(GERMAN[0])]
    assert parsing.parse(said, memory, german) != parsing.parse(said, memory, clearnlp)
    assert len({Phrases(pipeline=pipeline).revision() for pipeline in ("", clearnlp, german)}) == 3


def test_the_origin_of_a_phrase_names_the_pipelines_revision(clearnlp: str) -> None:
    (row,) = run(Phrases(pipeline=clearnlp), table(image(_text(CLEARNLP[0])))).table.to_pylist()
    assert {each["origin"]["revision"] for each in row["phrases"]} == {parsing.revision(clearnlp)}


@pytest.mark.parametrize("stage", [Phrases, TextSyntax, Blacklist])
def test_every_filter_that_parses_takes_the_setting(clearnlp: str, stage: type[Any]) -> None:
    made: Stage = stage(pipeline=clearnlp)
    made.check()
    assert made.revision() != stage().revision()
