"""Fits spaCy's English tokenizer to the tokens of the English Web Treebank.

Rules cover what recurs (runs of punctuation, phone numbers, clock times, prefixed words); the
training part supplies the exceptions (contractions, abbreviations) that no rule foresees.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator

from spacy.attrs import ORTH
from spacy.language import Language
from spacy.tokenizer import Tokenizer
from spacy.tokens import Doc, Token
from spacy.util import compile_infix_regex, compile_prefix_regex, compile_suffix_regex

RUNS = [r"[!?]+", r"=+", r"\*+", r"<+", r">+", r"--+", r"\++", r"~+", r"_+", r"\$\$+"]
PREFIXES = [*RUNS, r"[/|-](?=[A-Za-z\d])"]
SUFFIXES = [
    *RUNS,
    r"(?<=[^.])[:.]\?+",
    r"(?<=\d)[AaPp]\.?[Mm]\.?",
    r"(?<=\w)[/|-]",
    r"(?<=\d)(?:MW|GB|MB|mph|px|k|hrs?|sqft)",
]
INFIXES = [
    r"(?<=\d)[xX](?=\d)",
    r"(?<=\d)/(?=\d)",
    r"(?<=\d)-(?=[A-Za-z$])",
    r"(?<=[A-Za-z])-(?=\d)",
    r"(?<=[A-Za-z])[/|](?=[A-Za-z\d])",
    r"(?<=\d)[/|](?=[A-Za-z])",
    r"(?<=[A-Za-z]),(?=\d)",
    r"(?<=[a-z]):(?=\d)",
    r"(?<=[A-Z])&(?=[A-Za-z])",
    r"(?<=[a-z]{3})\.(?=[A-Za-z])(?!(?:doc|pdf|xls|com|net|org|html?)\b)",
    r"(?<=\w)(?:[?!;]+|--+|=+|—|–)(?=\w)",
    r"(?<=[\w)\]\"”.])[\[\]()<>\"”“](?=[\w(<\[.,;-])",
    r"(?<=\w[\"”)\]])(?:[.,;]|-+)(?=\w)",
]
WHOLE = "|".join(
    (
        r"(?:1-)?(?:\d{3}[-/])?\d{3}-\d{4}",
        r"\d{1,2}-\d{1,2}-\d{2,4}",
        r"(?i:e|non|pre|anti|mid|re|co|post|over|multi|pro|ex|semi|neo|intra|un|counter)-[A-Za-z]{2,}",
        r"(?i:https?://|www\.)[^\s<>\"]*[\w/]",
        r"\d{1,2}/\d{1,2}/\d{2,4}",
        r"9/11",
        r"[a-z]+(?:\.[a-z-]+){2,}",
        r"[:;=]-?[()DPp]",
    )
)
# spaCy takes any "word.word" for an address; here the end must be a usual one.
ADDRESS = (
    r"(?i:(?:https?://|ftp://|www\.)\S+|[^\s<>\"/]+@[^\s<>\"]+\w|[\w./:-]*\w\.(?:com|org|net|gov|edu|mil|info|biz|tv"
)
ADDRESS += r"|uk|us|ca|au|de|fr|doc|pdf|xls|ppt|txt|html?|jpe?g|gif|png|zip|exe|vcf)(?:/\S*)?)"
DROPPED_EXCEPTIONS = ("and/or", "w/o")


def fit_tokenizer(nlp: Language, docs: Iterable[Doc]) -> None:
    """Replaces the rules of `nlp.tokenizer`; `docs` carry the gold tokens."""
    tokenizer = nlp.tokenizer
    assert isinstance(tokenizer, Tokenizer)
    defaults = nlp.Defaults
    tokenizer.prefix_search = compile_prefix_regex([*PREFIXES, *(defaults.prefixes or ())]).search
    tokenizer.suffix_search = compile_suffix_regex([*SUFFIXES, *(defaults.suffixes or ())]).search
    tokenizer.infix_finditer = compile_infix_regex([*INFIXES, *(defaults.infixes or ())]).finditer
    tokenizer.token_match = re.compile(f"(?:{WHOLE})$").match
    tokenizer.url_match = re.compile(f"{ADDRESS}$").match
    tokenizer.rules = {k: v for k, v in tokenizer.rules.items() if k not in DROPPED_EXCEPTIONS}
    for chunk, words in _exceptions(tokenizer, list(docs)).items():
        tokenizer.add_special_case(chunk, [{ORTH: word} for word in words])


def _exceptions(tokenizer: Tokenizer, docs: list[Doc]) -> dict[str, tuple[str, ...]]:
    """Chunks that the rules get wrong in most of their occurrences, with their gold tokens."""
    seen: dict[str, Counter[tuple[str, ...]]] = defaultdict(Counter)
    for doc in docs:
        for chunk in _chunks(doc):
            seen["".join(chunk)][chunk] += 1
    found: dict[str, tuple[str, ...]] = {}
    for text, splits in seen.items():
        words, count = splits.most_common(1)[0]
        learnable = count > 1 and 2 * count > sum(splits.values()) and re.search("[A-Za-z]", text)
        if learnable and tuple(token.text for token in tokenizer(text)) != words:
            found[text] = words
    return found


def _chunks(doc: Doc) -> Iterator[tuple[str, ...]]:
    """The gold tokens between spaces, without the punctuation around them."""
    chunk: list[Token] = []
    for token in doc:
        chunk.append(token)
        if token.whitespace_:
            yield from _trimmed(chunk)
            chunk = []
    yield from _trimmed(chunk)


def _trimmed(chunk: list[Token]) -> Iterator[tuple[str, ...]]:
    words = [index for index, token in enumerate(chunk) if token.pos_ not in ("PUNCT", "SYM")]
    if words:
        yield tuple(token.text for token in chunk[words[0] : words[-1] + 1])
    if words and [token.text for token in chunk[words[-1] + 1 :]] == ["."]:
        yield tuple(token.text for token in chunk[words[0] :])
