"""What is no written line: by its letters, by its script."""

from __future__ import annotations

from typing import Any

import pytest
from captioned import image, run, table

from engine import records
from engine.stage import ChainError
from filters.lines import LineText

READ = ("OPEN", "2 km", "----", "中", "ＡＢ", "Ёж", "½", "", "éa", "日本 food")


def drops(stage: LineText, *written: str) -> dict[str, tuple[str, float, float, str | None]]:
    rejects = run(stage, table(image(written=written))).rejects.to_pylist()
    return {
        row["region"]["labels"][0]["text"]: tuple(row[name] for name in ("rule", "value", "threshold", "detail"))
        for row in rejects
    }


def test_a_line_without_letters_goes_and_one_of_any_script_stays() -> None:
    assert drops(LineText(), *READ) == {
        "----": ("line_letters", 0, 1, None),
        "": ("line_letters", 0, 1, None),
    }


def test_letters_of_other_scripts_are_named() -> None:
    found = drops(LineText(scripts=("latin", "Cyrillic"), min_letters=0), *READ)
    assert found == {"中": ("line_script", 1, 0, "中"), "日本 food": ("line_script", 2, 0, "日本")}


def test_more_letters_can_be_asked_for() -> None:
    assert set(drops(LineText(min_letters=2), "A", "8", "A1", "中")) == {"A", "8", "中"}


def test_people_objects_and_lines_that_nobody_read_stay() -> None:
    def region(id: str, kind: str, *texts: str, origin: records.Origin) -> dict[str, Any]:
        labels = [records.label("ocr", text, origin) for text in texts]
        return records.region(id, kind, [0, 0, 9, 9], origin, labels=labels)

    reader = records.Origin("reader")
    regions = [
        region("person", "text", "--", origin=records.HUMAN),
        region("object", "object", "--", origin=reader),
        region("unread", "text", origin=reader),
        region("read", "text", "--", origin=reader),
    ]
    outcome = run(LineText(), table({**image(), "regions": regions}))
    assert outcome.rejects["id"].to_pylist() == ["read"]


@pytest.mark.parametrize(
    ("settings", "message"),
    [({"min_letters": -1}, "min_letters must be at least 0"), ({"scripts": ("latn",)}, "no script 'latn'")],
)
def test_what_cannot_be_meant_is_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ChainError, match=message):
        LineText(**settings)
