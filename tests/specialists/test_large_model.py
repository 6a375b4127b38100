"""The large model: what it is told, what is read from it, and a server that misbehaves in every way."""

from __future__ import annotations

import base64
import io
import json
import logging
import pickle
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import fakes
import httpx
import pyarrow as pa
import pytest
from misbehaving import Asked, Reply, Service, closed_port, serve
from PIL import Image

from engine import records
from engine.checks import check
from engine.stage import Chain, ChainError, Halt
from engine.worker import Work, Worker
from specialists.online.large_model import LargeModel
from specialists.online.replies import OutOfService, Passing, judge

KEY = "sk-so-secret-0123456789"
TEXTS = {"detailed": "A dog sits on a mat.", "more_detailed": "A dog sits on a mat. Behind it stands a cat."}


def completion(content: Any, **choice: Any) -> dict[str, Any]:
    return {
        "model": "small-model-2026", "usage": {"total_tokens": 100},
        "choices": [{"finish_reason": "stop", "message": {"role": "assistant", "content": content}, **choice}],
    }  # fmt: skip


GOOD = Reply(completion(json.dumps(TEXTS)))


@pytest.fixture
def service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Service]:
    monkeypatch.setenv("FLD_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("NO_PROXY", "*")
    for name in ("OPENAI_BASE_URL", "OPENAI_API_KEY", "OPENAI_MODEL"):
        monkeypatch.delenv(name, raising=False)
    with serve(lambda asked: GOOD) as running:
        yield running


QUICK: dict[str, Any] = {"first_wait": 0.001, "longest_wait": 0.5, "timeout": 5.0, "attempts": 4}


def model(service: Service, requests: dict[str, Any] | None = None, **settings: Any) -> LargeModel:
    from pipelines.config import build

    given = {"endpoint": service.url + "/v1/", "model": "small-model", "requests": QUICK | (requests or {}), **settings}
    return build(LargeModel, given, "large_model")


def run(stage: LargeModel, given: pa.Table) -> Work:
    worker = Worker([stage], 1)
    try:
        done = worker(Work.of(given))
    finally:
        worker.close()
    check(done.table)
    return done


def texts(done: Work) -> list[dict[str, str]]:
    return [{each["granularity"]: each["text"] for each in row} for row in done.table["texts"].to_pylist()]


def faults(done: Work) -> list[str]:
    return [fault["error"] for row in done.table["faults"].to_pylist() for fault in row]


def known() -> pa.Table:
    """One image of 40 x 30 px of which something is known."""
    origin = records.Origin("detector")
    row = fakes.table(1).to_pylist()[0]
    row["texts"] = [records.text("t", "brief", "a dog\n on a mat", origin)]
    row["regions"] = [
        records.region(
            "r0", "object", [0, 0, 10, 10], origin, score=0.2, labels=[records.label("phrase", "mat", origin)]
        ),
        records.region(
            "r1", "object", [10, 15, 40, 30], origin, score=0.9, best=1,
            labels=[records.label("phrase", "dog", origin), records.label("brief", "a brown dog", origin)],
        ),
        records.region("r2", "proposal", [0, 0, 1, 1], origin, score=0.99),
        records.region("r3", "text", [0, 0, 20, 3], origin, labels=[records.label("ocr", 'SAY "HI"', origin)], best=0),
    ]  # fmt: skip
    return pa.Table.from_pylist([row], records.SCHEMA)


# What it is told, and what becomes of the answer


def test_both_texts_are_written_with_their_origin(service: Service) -> None:
    done = run(model(service), known())
    added = done.table["texts"].to_pylist()[0][1:]
    origin = {"model": "small-model", "revision": "small-model-2026", "round": 0}
    assert added == [
        {
            "id": f"large_model.{name}", "granularity": name, "text": text, "score": None, "origin": origin,
            "similarity": None,
        }
        for name, text in TEXTS.items()
    ]  # fmt: skip
    assert done.books[0].added["texts"] == 2


def test_the_prompt_tells_what_is_known_and_where(service: Service) -> None:
    run(model(service), known())
    (asked,) = service.asked
    assert asked.path == "/v1/chat/completions"
    assert "authorization" not in asked.headers
    text, picture = asked.json["messages"][0]["content"]
    told = text["text"]
    assert "- a dog on a mat\n" in told
    # The surest first, in bins of a thousandth of each side; what has no label is not told.
    assert "- a brown dog [250, 500, 999, 999]\n- mat [0, 0, 250, 333]\n" in told
    assert '- "SAY \\"HI\\"" [0, 0, 500, 100]' in told
    assert "0 to 999 from left to right" in told
    assert '"detailed"' in told
    assert '"more_detailed"' in told
    head, _, data = picture["image_url"]["url"].partition(",")
    assert head == "data:image/jpeg;base64"
    assert Image.open(io.BytesIO(base64.b64decode(data))).size == (40, 30)


def test_pixels_no_image_fewer_regions_and_other_fields(service: Service) -> None:
    stage = model(
        service,
        image=False,
        coordinates="pixels",
        max_regions=2,
        extra={"max_tokens": None, "seed": 7},
        temperature=0.5,
    )
    run(stage, known())
    body = service.asked[0].json
    told = body["messages"][0]["content"]
    assert "a brown dog [10, 15, 39, 29]" in told
    assert "mat [" not in told
    assert "cannot see" in told
    assert {"max_tokens", "seed", "temperature"} & set(body) == {"seed", "temperature"}
    assert "image" not in stage.reads


def test_a_large_image_is_sent_small(service: Service) -> None:
    run(model(service, max_side=50), fakes.table(1, size=(200, 90)))
    url = service.asked[0].json["messages"][0]["content"][1]["image_url"]["url"]
    assert max(Image.open(io.BytesIO(base64.b64decode(url.partition(",")[2]))).size) == 50


def test_only_what_is_missing_is_asked_for(service: Service) -> None:
    row = known().to_pylist()[0]
    row["texts"].append(records.text("mine", "detailed", "My own words.", records.HUMAN))
    given = pa.Table.from_pylist([row], records.SCHEMA)
    done = run(model(service), given)
    told = service.asked[0].json["messages"][0]["content"][0]["text"]
    assert '"more_detailed"' in told
    assert '"detailed"' not in told
    assert [each["id"] for each in done.table["texts"].to_pylist()[0]] == ["t", "mine", "large_model.more_detailed"]
    again = run(model(service), done.table)
    assert again.table.equals(done.table)
    assert len(service.asked) == 1


def test_what_it_gives_is_what_it_is_asked_to_write(service: Service) -> None:
    stage = model(service, granularities=["detailed"])
    assert stage.gives() == {"texts.detailed"}
    assert texts(run(stage, fakes.table(1))) == [{"detailed": TEXTS["detailed"]}]


def test_the_stage_under_another_name_has_other_ids(service: Service) -> None:
    done = run(model(service).called("large_model@again"), fakes.table(1))
    assert done.table["texts"].to_pylist()[0][0]["id"] == "large_model@again.detailed"


@pytest.mark.parametrize(
    "content",
    [
        "Here you are:\n```json\n" + json.dumps(TEXTS, indent=2) + "\n```\nHope that helps!",
        '<think>{"detailed": "no"} hm</think>' + json.dumps(TEXTS),
        "{not this} " + json.dumps({"notes": 1}) + json.dumps(TEXTS | {"more": [1]}),
        json.dumps(TEXTS).replace("mat. B", "mat.\n B"),
        [{"type": "text", "text": json.dumps(TEXTS)[:20]}, {"type": "text", "text": json.dumps(TEXTS)[20:]}],
    ],
)
def test_texts_are_found_in_what_models_make_of_json(service: Service, content: Any) -> None:
    service.usual = lambda asked: Reply(completion(content))
    assert texts(run(model(service), fakes.table(1))) == [TEXTS]


def test_a_prompt_of_ones_own(service: Service, tmp_path: Path) -> None:
    path = tmp_path / "prompt.txt"
    path.write_text("Costs $$5. $facts $wanted $form")
    stage = model(service, prompt=str(path))
    before = stage.revision()
    run(stage, fakes.table(1))
    assert service.asked[0].json["messages"][0]["content"][0]["text"].startswith("Costs $5. Captions:\n- none")
    path.write_text("$facts $wanted $form")
    assert stage.revision() != before
    path.write_text("$facts $form")
    with pytest.raises(ChainError, match=r"prompt\.txt must have the places"):
        stage.check()


# A server that misbehaves


@pytest.mark.parametrize(
    "bad",
    [
        Reply("slow down", 429),
        Reply("oops", 500),
        Reply("", 503, {"retry-after": "0"}),
        Reply("<html><body>Bad gateway</body></html>", 502),
        Reply("<html><body>Welcome to the portal</body></html>"),
        Reply('{"choices": [{"message": '),
        Reply({"error": "no choices"}),
        Reply([1, 2]),
        Reply(completion("")),
        Reply(completion(None, finish_reason="content_filter")),
        Reply(completion("I would rather write prose.")),
        Reply(completion(json.dumps({"detailed": TEXTS["detailed"], "more_detailed": " "}))),
        Reply(completion(json.dumps(TEXTS), finish_reason="length")),
        Reply(reset=True),
        Reply(GOOD.body, headers={"content-length": "100000"}, before=0),  # ends too early
        Reply(GOOD.body, before=3.0),
        Reply(GOOD.body, between=0.01),  # a byte now and then, for ever
    ],
    ids=lambda reply: f"{reply.status}-{str(reply.body)[:24]}-{reply.reset}{reply.before}{reply.between}",
)
def test_what_passes_is_asked_again(service: Service, bad: Reply) -> None:
    service.script = [bad, bad]
    done = run(model(service, {"timeout": 0.25 if bad.before or bad.between or bad.headers else 5.0}), fakes.table(1))
    assert texts(done) == [TEXTS]
    assert faults(done) == []
    assert len(service.asked) == 3


def test_a_service_is_given_the_time_that_it_asks_for(service: Service) -> None:
    service.script = [Reply("", 429, {"retry-after": "1"})]
    assert texts(run(model(service, {"longest_wait": 3}), fakes.table(1))) == [TEXTS]
    first, second = (asked.at for asked in service.asked)
    assert 0.99 <= second - first < 2


@pytest.mark.parametrize(
    ("value", "least", "most"),
    [("7", 7, 7), (timedelta(hours=9), 8 * 3600, 9 * 3600), (timedelta(hours=-1), 0, 0)],
    ids=["a number", "a date to come", "a date gone by"],
)
def test_the_time_to_wait_is_a_number_or_a_date(value: str | timedelta, least: float, most: float) -> None:
    if isinstance(value, timedelta):
        value = format_datetime(datetime.now(UTC) + value, usegmt=True)
    with pytest.raises(Passing) as passing:
        judge(503, httpx.Headers({"Retry-After": value}), "", "")
    assert passing.value.after is not None
    assert least <= passing.value.after <= most


@pytest.mark.parametrize("value", ["", "soon", "-3", "²", "٣", "Mon, 01 Jan 99999999999999999999 00:00:00 GMT"])
def test_a_time_to_wait_that_is_none_is_left_to_the_backoff(value: str) -> None:
    with pytest.raises(Passing) as passing:
        judge(503, httpx.Headers({b"Retry-After": value.encode()}), "", "")
    assert passing.value.after is None


def test_one_that_asks_for_too_much_time_ends_the_run(service: Service) -> None:
    service.script = [Reply("", 429, {"retry-after": "3600"})]
    with pytest.raises(OutOfService, match=r"wait 3600 s, more than requests\.longest_wait"):
        run(model(service), fakes.table(1))


@pytest.mark.parametrize(
    ("bad", "asked", "said"),
    [
        (Reply("oops", 500), 4, "the service answered 500: oops"),
        (Reply(completion("prose")), 3, "no usable answer: no JSON object with detailed and more_detailed: 'prose'"),
        (Reply("", reset=True), 4, "the connection broke"),
        (Reply({"error": "too many tokens"}, 400), 1, "answered 400: {\"error\": \"too many tokens\"}"),
    ],
)  # fmt: skip
def test_what_does_not_pass_costs_that_image_alone(service: Service, bad: Reply, asked: int, said: str) -> None:
    def usual(request: Asked) -> Reply:
        return bad if b"the bad one" in request.body else GOOD

    rows = fakes.table(8).to_pylist()
    rows[5]["texts"] = [records.text("t", "brief", "the bad one", fakes.ORIGIN)]
    service.usual = usual
    done = run(model(service), pa.Table.from_pylist(rows, records.SCHEMA))
    assert [len(row) for row in done.table["faults"].to_pylist()] == [0, 0, 0, 0, 0, 1, 0, 0]
    assert said in faults(done)[0]
    assert [len(each) for each in texts(done)] == [2, 2, 2, 2, 2, 1, 2, 2]
    # The batch was halved to find it, which cost no further request.
    assert len(service.asked) == 7 + asked


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        (Reply("who are you", 401), "large_model: the service answered 401: who are you. If it wants a key, name its"),
        (Reply("no", 403), "answered 403"),
        (Reply("nothing here", 404), "404: nothing here. Are endpoint and model right"),
        (Reply("pay", 402), "402"),
        (Reply("", 302, {"location": "/login"}), "302"),
        (Reply("quota", 429), "answered 429: quota"),
    ],
)
def test_what_no_image_is_to_blame_for_ends_the_run(service: Service, bad: Reply, said: str) -> None:
    service.usual = lambda asked: bad
    with pytest.raises(OutOfService) as halt:
        run(model(service, {"at_once": 1}), fakes.table(3))
    assert said in str(halt.value)
    assert len(service.asked) <= 4


def test_a_server_that_is_not_there_ends_the_run(service: Service) -> None:
    with pytest.raises(OutOfService, match="cannot be reached"):
        run(model(service, endpoint=closed_port()), fakes.table(3))


@pytest.mark.parametrize(("status", "kind"), [(400, Halt), (500, OutOfService)])
def test_failures_in_a_row_end_the_run(service: Service, status: int, kind: type[Halt]) -> None:
    service.usual = lambda asked: Reply("unknown field", status)
    with pytest.raises(Halt, match=r"unknown field.* failure number 3 in a row") as halt:
        run(model(service, {"failures": 3, "at_once": 1, "attempts": 1}), fakes.table(6))
    assert len(service.asked) == 3
    assert type(halt.value) is kind


# Budget, rate, order


def test_a_spent_budget_ends_the_run_and_what_was_paid_for_is_kept(service: Service) -> None:
    given = fakes.table(5)
    with pytest.raises(Halt, match="budget of 3 requests is spent") as halt:
        run(model(service, {"budget": 3}), given)
    assert type(halt.value) is Halt
    assert len(service.asked) == 3
    done = run(model(service, {"budget": 3}), given)
    assert texts(done) == [TEXTS] * 5
    assert len(service.asked) == 5


def test_a_budget_of_tokens(service: Service) -> None:
    with pytest.raises(Halt, match="budget of 250 tokens is spent"):
        run(model(service, {"token_budget": 250, "at_once": 1}), fakes.table(5))
    assert len(service.asked) == 3


def test_requests_are_spaced(service: Service) -> None:
    run(model(service, {"per_minute": 1200}), fakes.table(4))
    times = sorted(asked.at for asked in service.asked)
    assert times[-1] - times[0] >= 0.14


def test_several_at_once_and_answers_in_order(service: Service) -> None:
    def usual(asked: Asked) -> Reply:
        number = asked.json["messages"][0]["content"][0]["text"].partition("number ")[2][0]
        return Reply(completion(json.dumps(dict.fromkeys(TEXTS, f"Number {number}."))), before=0.1 / (1 + int(number)))

    rows = fakes.table(6).to_pylist()
    for i, row in enumerate(rows):
        row["texts"] = [records.text("t", "brief", f"number {i}", fakes.ORIGIN)]
    service.usual = usual
    done = run(model(service, {"at_once": 3}), pa.Table.from_pylist(rows, records.SCHEMA))
    assert [each["detailed"] for each in texts(done)] == [f"Number {i}." for i in range(6)]
    assert service.most_at_once == 3


def test_cores_and_repetition_do_not_change_the_result(service: Service, tmp_path: Path) -> None:
    given = fakes.table(5)
    done = [run(model(service, {"cache": str(tmp_path / str(i))}), given).table for i in range(2)]
    two = Worker([model(service)], 2)
    done.append(two(Work.of(given)).table)
    two.close()
    assert done[0].equals(done[1])
    assert done[0].equals(done[2])


# Answers that are kept


def test_an_answer_is_paid_for_once(service: Service, tmp_path: Path) -> None:
    first = run(model(service), fakes.table(2))
    assert run(model(service), fakes.table(2)).table.equals(first.table)
    assert len(service.asked) == 2
    for changed in ({"temperature": 0.5}, {"release": "2"}, {"model": "other"}):
        run(model(service, **changed), fakes.table(1))
    assert len(service.asked) == 5


def test_a_broken_file_among_the_answers_is_asked_for_again(service: Service, tmp_path: Path) -> None:
    run(model(service), fakes.table(1))
    (kept,) = (tmp_path / "cache").rglob("*.json")
    for broken in (b"", b"\xff", b"{}", b'{"choices": []}', GOOD.encoded()[:-9]):
        kept.write_bytes(broken)
        assert texts(run(model(service), fakes.table(1))) == [TEXTS]
    assert len(service.asked) == 6
    assert json.loads(kept.read_bytes()) == GOOD.body
    assert sorted((tmp_path / "cache").rglob("*.*")) == [kept]  # nothing half-written beside it


# The key


def test_the_key_goes_to_the_service_and_nowhere_else(
    service: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.setenv("MY_KEY", KEY)
    caplog.set_level(logging.DEBUG)
    # A service that repeats the key, in good answers and in bad ones.
    echo = {"detailed": f"Your key {KEY}.", "more_detailed": "Text."}
    service.script = [Reply(completion(json.dumps(echo))), *[Reply(f"bad key {KEY}", 500)] * 4]
    stage = model(service, {"at_once": 1}, key_env="MY_KEY")
    assert KEY.encode() not in pickle.dumps(stage)  # as it travels to a worker
    done = run(stage, fakes.table(2))
    assert service.asked[0].headers["authorization"] == f"Bearer {KEY}"
    assert "bad key ***" in faults(done)[0]
    service.usual = lambda asked: Reply(f"wrong key {KEY}", 401)
    with pytest.raises(Halt, match=r"wrong key \*\*\*\. Is the key in \$MY_KEY right") as halt:
        run(stage, fakes.table(1, first=9))
    out, err = capfd.readouterr()
    kept = [path.read_text() for path in tmp_path.rglob("*") if path.is_file()]
    everything = [
        *kept, str(done.table.to_pylist()), str(done.books), str(halt.value), repr(stage), caplog.text, out, err,
        json.dumps(Chain((stage,)).settings()), *_causes(halt.value),
    ]  # fmt: skip
    assert len(kept) == 1
    assert not [each for each in everything if KEY in each]


def _causes(error: BaseException | None) -> list[str]:
    return [str(error), *_causes(error.__cause__ or error.__context__)] if error else []


def test_the_usual_key_goes_to_the_usual_endpoint_only(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    run(model(service), fakes.table(1))
    assert "authorization" not in service.asked[0].headers
    monkeypatch.setenv("OPENAI_BASE_URL", service.url)
    monkeypatch.setenv("OPENAI_MODEL", "from the environment")
    stage = model(service, endpoint="", model="")
    run(stage, fakes.table(1))
    assert service.asked[1].headers["authorization"] == f"Bearer {KEY}"
    assert service.asked[1].json["model"] == "from the environment"
    assert stage.settings()["model"] == "from the environment"


# Settings


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ({"endpoint": ""}, "name its URL in `endpoint` or in \\$OPENAI_BASE_URL"),
        ({"endpoint": "localhost:8000/v1"}, "must begin with http"),
        ({"endpoint": "http://me:secret@host/v1"}, "no password"),
        ({"endpoint": "http://host/v1?key=secret"}, "no query"),
        ({"endpoint": "http://[::1/v1"}, "no URL"),
        ({"model": ""}, "no model: name it in `model`"),
        ({"key_env": "NO_SUCH_KEY"}, "environment variable NO_SUCH_KEY"),
        ({"key_env": "BAD_KEY"}, "what BAD_KEY holds is no key"),
        ({"prompt": "nowhere.txt"}, "nowhere.txt cannot be read"),
        ({"requests": {"cache": "/proc/nowhere"}}, "no answer can be kept in /proc/nowhere"),
    ],
)
def test_what_is_missing_is_told_before_the_run(
    service: Service, monkeypatch: pytest.MonkeyPatch, setting: dict[str, Any], said: str
) -> None:
    monkeypatch.setenv("BAD_KEY", "sk-\u00fc secret")
    with pytest.raises(ChainError, match=f"large_model: .*{said}") as error:
        model(service, **setting).check()
    assert "secret" not in str(error.value)


@pytest.mark.parametrize(
    "setting",
    [
        {"granularities": []}, {"granularities": ["brief"]}, {"max_side": 0}, {"quality": 101},
        {"coordinates": "miles"}, {"requests": {"attempts": 0}}, {"requests": {"timeout": 0}},
        {"requests": {"budget": -1}},
    ],
)  # fmt: skip
def test_settings_that_make_no_sense(service: Service, setting: dict[str, Any]) -> None:
    from pipelines.config import ConfigError

    with pytest.raises(ConfigError):
        model(service, **setting)


def test_only_what_decides_the_answer_is_in_the_fingerprint(service: Service) -> None:
    def print_of(**settings: Any) -> str:
        return Chain((model(service, **settings),)).fingerprint("x")

    assert print_of() == print_of(endpoint="http://elsewhere/v1", requests={"budget": 7}, key_env="K")
    changes: list[dict[str, Any]] = [{"model": "b"}, {"release": "2"}, {"max_side": 7}, {"extra": {"seed": 1}}]
    assert len({print_of(), *(print_of(**change) for change in changes)}) == 5
