"""Captions of images and crops, from small random checkpoints of each family through the stages."""

from __future__ import annotations

import hashlib
import io
import json
import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image
from small import captioners as small

from engine import records
from engine.checks import check
from engine.images import Limits, decode, probe
from engine.stage import ChainError
from engine.worker import Work, Worker
from specialists.captioning import captioners
from specialists.captioning.stages import Captioning, CropCaptioning

FAMILIES: dict[str, Callable[[Path], Path]] = {
    "florence2": small.florence2, "blip": small.blip, "llava": small.llava, "idefics3": small.idefics3,
}  # fmt: skip
ALL = ("brief", "detailed", "more_detailed")
SHORT = {"brief": 8, "detailed": 10, "more_detailed": 12}
SIZES = ((57, 41), (33, 91), (20, 20), (40, 24), (3, 50))
MODEL = records.Origin("detector", "r1")


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """A checkpoint of each family."""
    import transformers

    transformers.utils.logging.disable_progress_bar()
    return {name: str(make(tmp_path_factory.mktemp(name))) for name, make in FAMILIES.items()}


def picture(seed: int, size: tuple[int, int], orientation: int = 1) -> bytes:
    """Noise of this size as it is stored, before it is turned."""
    pixels = np.random.default_rng(seed).integers(0, 255, (size[1], size[0], 3), np.uint8)
    file = io.BytesIO()
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(pixels).save(file, "PNG", exif=exif)
    return file.getvalue()


def table(images: Sequence[bytes], regions: Sequence[Sequence[dict[str, Any]]] | None = None) -> pa.Table:
    rows = []
    for data, found in zip(images, regions or [[] for _ in images], strict=True):
        size = probe(data, Limits(min_side=1), "x.png")
        rows.append(
            {
                "image_id": hashlib.sha256(data).hexdigest(), "image": {"bytes": data, "path": "x.png"},
                "width": size.width, "height": size.height, "source": "t", "uri": "x.png", "phash": size.phash,
                "texts": [], "regions": list(found), "phrases": [], "faults": [],
            }
        )  # fmt: skip
    return pa.Table.from_pylist(rows, records.SCHEMA)


def pictures() -> list[bytes]:
    return [picture(seed, size) for seed, size in enumerate(SIZES)]


def work(stage: Any, given: pa.Table, cpus: int = 1) -> pa.Table:
    """What a stage makes of a table, without any fault."""
    worker = Worker([stage], cpus)
    done = worker(Work.of(given)).table
    worker.close()
    assert [fault for row in done["faults"].to_pylist() for fault in row] == []
    check(done)
    return done


def texts(done: pa.Table) -> list[list[str]]:
    return [[text["text"] for text in row] for row in done["texts"].to_pylist()]


def briefs(done: pa.Table) -> list[list[str | None]]:
    """The brief label of each region, by image."""
    return [
        [next((each["text"] for each in one["labels"] if each["granularity"] == "brief"), None) for one in row]
        for row in done["regions"].to_pylist()
    ]


def box(id: str, place: Sequence[float], score: float | None = 0.5, **given: Any) -> dict[str, Any]:
    return records.region(id, given.pop("kind", "object"), place, given.pop("origin", MODEL), score=score, **given)


def captioning(folder: str, **settings: Any) -> Captioning:
    return Captioning(**{"weights": folder, "together": 2, "max_new_tokens": SHORT, **settings})


def crop_captioning(folder: str, **settings: Any) -> CropCaptioning:
    return CropCaptioning(**{"weights": folder, "together": 4, "max_new_tokens": SHORT, **settings})


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[np.ndarray]]:
    """The images that reach the families, in order where one core works."""
    found: list[np.ndarray] = []
    answer = captioners.Captioner.__call__

    def spy(self: Any, images: Sequence[np.ndarray], *rest: Any) -> Any:
        found.extend(images)
        return answer(self, images, *rest)

    monkeypatch.setattr(captioners.Captioner, "__call__", spy)
    return found


@pytest.mark.parametrize("name", FAMILIES)
def test_texts_of_each_family(weights: dict[str, str], name: str, capfd: pytest.CaptureFixture[str]) -> None:
    granularities = ("brief",) if name == "blip" else ALL
    stage = captioning(weights[name], granularities=granularities)
    stage.check()
    assert stage.gives() == {f"texts.{granularity}" for granularity in granularities}
    done = work(stage, table(pictures()))
    for row in done["texts"].to_pylist():
        assert [text["granularity"] for text in row] == list(granularities)
        assert [text["id"] for text in row] == [f"captioning.{granularity}" for granularity in granularities]
        for text in row:
            assert text["origin"] == {"model": Path(weights[name]).name, "revision": stage.revision(), "round": 0}
            assert 0 < text["score"] < 1
            assert text["text"] == " ".join(text["text"].split()) != ""
            assert not any(noise in text["text"] for noise in ("<s>", "</s>", "<pad>", "<image>", "user:", "\ufffd"))
    assert len({row[0] for row in texts(done)}) > 1  # it looks at the image
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("beams", [1, 3])
@pytest.mark.parametrize("name", FAMILIES)
def test_cores_turns_and_company_do_not_change_a_text(weights: dict[str, str], name: str, beams: int) -> None:
    given = table(pictures())
    one = work(captioning(weights[name], num_beams=beams), given)
    assert work(captioning(weights[name], num_beams=beams), given, 2).equals(one)
    for together, company in ((1, given), (3, given.take([4, 2, 0, 1, 3]))):
        other = work(captioning(weights[name], num_beams=beams, together=together), company)
        said = dict(zip(other["image_id"].to_pylist(), other["texts"].to_pylist(), strict=True))
        for image_id, row in zip(one["image_id"].to_pylist(), one["texts"].to_pylist(), strict=True):
            assert [text["text"] for text in said[image_id]] == [text["text"] for text in row]
            assert np.allclose([text["score"] for text in said[image_id]], [text["score"] for text in row], atol=1e-4)


@pytest.mark.parametrize("beams", [1, 3])
@pytest.mark.parametrize("name", FAMILIES)
def test_a_score_is_what_the_model_finds_of_its_own_text(weights: dict[str, str], name: str, beams: int) -> None:
    stage = captioning(weights[name], num_beams=beams, together=3)
    stage.open(1)
    captioner = stage._captioners.get()
    inputs = captioner.inputs([decode(data) for data in pictures()[:3]], captioner.asks["brief"])
    output = captioner.model.generate(
        **inputs, do_sample=False, num_beams=beams, max_new_tokens=8, return_dict_in_generate=True, output_logits=True
    )
    written = output.sequences[:, captioner.unwritten(inputs) :]
    special = captioner.processor.tokenizer.all_special_ids
    found = captioners.probabilities(output, written, special)
    logs = captioner.model.compute_transition_scores(
        output.sequences, output.logits, getattr(output, "beam_indices", None), normalize_logits=True
    )
    for row, tokens, score in zip(logs, written, found, strict=True):
        plain = [log for log, token in zip(row.tolist(), tokens.tolist(), strict=False) if token not in special]
        assert score == pytest.approx(float(np.exp(np.mean(plain))), abs=1e-5)


def test_more_beams_find_a_text_at_least_as_likely(weights: dict[str, str]) -> None:
    scores = [
        [
            row[0]["score"]
            for row in work(captioning(weights["llava"], num_beams=beams), table(pictures()))["texts"].to_pylist()
        ]
        for beams in (1, 6)
    ]
    assert np.mean(scores[1]) > np.mean(scores[0])


def test_a_text_is_written_once(weights: dict[str, str]) -> None:
    given = table(pictures())
    once = work(captioning(weights["blip"]), given)
    assert work(captioning(weights["blip"]).called("captioning@detailed"), once).equals(once)
    other = work(captioning(weights["florence2"]).called("captioning@detailed"), once)
    assert [[text["id"] for text in row] for row in other["texts"].to_pylist()] == [
        ["captioning.brief", "captioning@detailed.brief"]
    ] * len(given)


def test_a_prompt_of_ones_own(weights: dict[str, str]) -> None:
    plain = work(captioning(weights["llava"]), table(pictures()))
    asked = work(captioning(weights["llava"], prompts={"brief": "What is this?"}), table(pictures()))
    assert texts(asked) != texts(plain)
    assert captioning(weights["llava"]).settings() != captioning(weights["llava"], prompts={"brief": "?"}).settings()
    begun = work(captioning(weights["blip"], prompts={"brief": "a red bus on"}), table(pictures()))
    assert not any(text.startswith("a red bus on") for (text,) in texts(begun))


def test_sampling_that_a_checkpoint_asks_for_is_no_matter(
    weights: dict[str, str], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    folder = Path(changed(weights["llava"], tmp_path / "sampling"))
    file = folder / "generation_config.json"
    asked = {
        "do_sample": True,
        "temperature": 0.7,
        "top_p": 0.8,
        "num_beams": 4,
        "early_stopping": True,
        "max_length": 9,
    }
    file.write_text(json.dumps(json.loads(file.read_text()) | asked))
    assert texts(work(captioning(str(folder)), table(pictures()))) == texts(
        work(captioning(weights["llava"]), table(pictures()))
    )
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("name", FAMILIES)
def test_half_precision(weights: dict[str, str], name: str) -> None:
    done = work(captioning(weights[name], dtype="bfloat16"), table(pictures()))
    assert all(0 < text["score"] < 1 for row in done["texts"].to_pylist() for text in row)
    assert all(len(row) == 1 for row in texts(done))


def test_nothing_said_is_no_text(weights: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(captioners, "clean", lambda text: "")
    assert texts(work(captioning(weights["blip"]), table(pictures()))) == [[]] * len(SIZES)
    given = table([picture(0, (50, 40))], [[box("r0", [0, 0, 9, 9])]])
    assert work(crop_captioning(weights["blip"]), given).equals(given)


@pytest.mark.parametrize(
    ("said", "text"),
    [
        (" a dog\n on\r\n\tthe grass ", "a dog on the grass"),
        ("caf\ufffd", "caf"),
        ("\ufffd\ufffd", ""),
        ("東京タワー 🙂", "東京タワー 🙂"),
    ],
)
def test_one_clean_line(said: str, text: str) -> None:
    assert captioners.clean(said) == text


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_crop_is_cut_from_the_upright_image(
    weights: dict[str, str], seen: list[np.ndarray], orientation: int
) -> None:
    data = picture(7, (91, 57), orientation)
    upright = decode(data)
    height, width = upright.shape[:2]
    places = [
        [10, 5, 42, 31],
        [0, 0, width, height],
        [width - 20.5, height - 30.25, width, height],
        [12.5, 9.5, 40, 40],
    ]
    work(crop_captioning(weights["blip"], margin=0), table([data], [[box(f"r{i}", at) for i, at in enumerate(places)]]))
    expected = [
        upright[5:31, 10:42], upright, upright[height - 31 : height, width - 21 : width], upright[9:40, 12:40],
    ]  # fmt: skip
    assert len(seen) == len(expected)
    assert all(np.array_equal(one, other) for one, other in zip(seen, expected, strict=True))


def test_what_the_model_sees_is_the_crop(weights: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    stage = crop_captioning(weights["blip"], margin=0, min_side=1)
    reached = []
    generate = captioners.Blip.inputs

    def spy(self: Any, images: Any, ask: str) -> Any:
        inputs = generate(self, images, ask)
        reached.append(inputs["pixel_values"].numpy())
        return inputs

    monkeypatch.setattr(captioners.Blip, "inputs", spy)
    data = picture(3, (91, 57), 6)
    # The model looks at 32 x 32 pixels: such a crop reaches it as it is, but for the norm.
    work(stage, table([data], [[box("r0", [11, 40, 43, 72])]]))
    processor = stage._processor.image_processor
    mean, std = np.array(processor.image_mean), np.array(processor.image_std)
    back = np.rint((reached[0][0].transpose(1, 2, 0) * std + mean) * 255)
    assert np.array_equal(back, decode(data)[40:72, 11:43])


def test_margin_and_least_side(weights: dict[str, str], seen: list[np.ndarray]) -> None:
    data = picture(1, (200, 100))
    places = [[50, 40, 70, 60], [0, 0, 100, 50], [100, 50, 101, 51], [199, 99, 200, 100], [0, 30, 200, 31]]
    stage = crop_captioning(weights["blip"], margin=0.25, min_side=10)
    work(stage, table([data], [[box(f"r{i}", at) for i, at in enumerate(places)]]))
    image = decode(data)
    expected = [
        image[35:65, 45:75], image[0:63, 0:125], image[46:56, 96:106], image[90:100, 190:200], image[23:38, 0:200],
    ]  # fmt: skip
    for one, other in zip(seen, expected, strict=True):
        assert np.array_equal(one, other)


@pytest.mark.parametrize("name", FAMILIES)
def test_one_pixel_and_odd_shapes(weights: dict[str, str], name: str) -> None:
    given = table(
        [picture(0, (1, 1)), picture(1, (300, 3)), picture(2, (3, 70)), picture(3, (64, 64))],
        [
            [box("a", [0, 0, 1, 1])],
            [box("a", [0, 0, 300, 3]), box("b", [5, 1, 6, 2])],
            [box("a", [0.25, 3.5, 0.75, 4]), box("b", [0, 0, 3, 70])],
            [box("a", [63, 63, 64, 64]), box("b", [10, 0, 11, 64])],
        ],
    )
    stage = crop_captioning(weights[name])
    stage.check()
    found = briefs(work(stage, given))
    assert [len(row) for row in found] == [1, 2, 2, 2]
    assert all(text for row in found for text in row)


def test_which_regions_get_a_label(weights: dict[str, str]) -> None:
    given = table(
        [picture(0, (64, 64)), picture(1, (50, 50))],
        [
            [
                box("low", [0, 0, 20, 20], 0.1),
                box("text", [0, 0, 30, 9], 0.9, kind="text"),
                box("proposal", [9, 9, 30, 30], 0.8, kind="proposal"),
                box("named", [5, 5, 30, 30], 0.7, labels=[records.label("brief", "a thing", MODEL)]),
                box("human", [0, 0, 9, 9], None, origin=records.HUMAN),
                box("category", [5, 5, 40, 40], 0.6, labels=[records.label("phrase", "dog", MODEL)], best=0),
            ],
            [],
        ],
    )
    stage = crop_captioning(weights["blip"], max_regions=4)
    done = work(stage, given)
    low, text, proposal, named, human, category = done["regions"].to_pylist()[0]
    assert [one["labels"] for one in (low, text)] == [[], []]
    assert [label["text"] for label in named["labels"]] == ["a thing"]
    assert [label["granularity"] for label in category["labels"]] == ["phrase", "brief"]
    assert category["best"] == 0
    for one in (proposal, human, category):
        label = one["labels"][-1]
        assert (label["granularity"], label["similarity"]) == ("brief", None)
        assert label["origin"] == {"model": Path(weights["blip"]).name, "revision": stage.revision(), "round": 0}
        assert 0 < label["score"] < 1
    # A second turn finds nothing to do: what was beyond the limit stays beyond it.
    assert work(crop_captioning(weights["blip"], max_regions=4).called("crop_captioning@detailed"), done).equals(done)


def test_300_regions_over_several_images(weights: dict[str, str]) -> None:
    rng = np.random.default_rng(0)
    low = rng.uniform(0, 60, (300, 2))
    places = np.hstack([low, low + rng.uniform(1, 30, (300, 2))]).tolist()
    split = (250, 0, 50)
    pictures = [picture(seed, (91, 93)) for seed in range(3)]
    each = iter(enumerate(places))
    given = table(pictures, [[box(f"r{i}", at) for i, at in (next(each) for _ in range(count))] for count in split])
    stage = crop_captioning(weights["blip"], max_regions=300, together=16, max_new_tokens={"brief": 3})
    done = work(stage, given)
    assert [len([text for text in row if text]) for row in briefs(done)] == [250, 0, 50]
    assert work(stage, given, 2).equals(done)
    # Each label is that of its own crop, wherever its crop stood.
    for row, at in ((0, 17), (0, 249), (2, 33)):
        alone = table([pictures[row]], [[given["regions"].to_pylist()[row][at]]])
        assert briefs(work(stage, alone))[0][0] == briefs(done)[row][at]


@pytest.mark.parametrize("name", ["florence2", "idefics3"])
def test_crops_are_the_same_for_any_number_of_cores(weights: dict[str, str], name: str) -> None:
    rng = np.random.default_rng(1)
    regions = []
    for _ in range(3):
        low = rng.uniform(0, 30, (3, 2))
        regions.append(
            [box(f"r{i}", at) for i, at in enumerate(np.hstack([low, low + rng.uniform(1, 20, (3, 2))]).tolist())]
        )
    given = table([picture(seed, (60, 55)) for seed in range(3)], regions)
    one = work(crop_captioning(weights[name]), given)
    assert work(crop_captioning(weights[name]), given).equals(one)
    assert work(crop_captioning(weights[name]), given, 3).equals(one)


def test_a_replica_has_the_same_weights_and_its_own_state(weights: dict[str, str]) -> None:
    stage = captioning(weights["idefics3"])
    stage.open(2)
    first, second = stage._captioners.get(), stage._captioners.get()
    assert first.model is not second.model
    assert first.processor is not second.processor
    assert [each.data_ptr() for each in first.model.parameters()] == [
        each.data_ptr() for each in second.model.parameters()
    ]


def changed(folder: str, to: Path, **config: Any) -> str:
    """A copy of a checkpoint with another config."""
    shutil.copytree(folder, to)
    there = json.loads((to / "config.json").read_text())
    (to / "config.json").write_text(json.dumps(there | config))
    return str(to)


def test_more_than_brief_is_refused_for_blip(weights: dict[str, str]) -> None:
    with pytest.raises(ChainError, match="blip, which writes brief texts, and no detailed and no more_detailed ones"):
        captioning(weights["blip"], granularities=ALL).check()
    crop_captioning(weights["blip"]).check()


def test_checkpoints_of_other_roles_are_refused(weights: dict[str, str], tmp_path: Path) -> None:
    stages = Captioning, CropCaptioning
    for kind, config in (
        ("detr", {"model_type": "detr"}),
        ("none", {"model_type": ""}),
        ("llama", {"model_type": "llama"}),
    ):
        folder = changed(weights["llava"], tmp_path / kind, **config)
        for stage in stages:
            with pytest.raises(ChainError, match=r"captioning: \w+ is a checkpoint of .*cannot play this role.*chat"):
                stage(weights=folder).check()


def test_a_chat_model_without_a_template(weights: dict[str, str], tmp_path: Path) -> None:
    folder = changed(weights["llava"], tmp_path / "bare")
    (tmp_path / "bare" / "chat_template.jinja").unlink()
    with pytest.raises(ChainError, match="no chat template"):
        captioning(folder).check()
    tokenizer = tmp_path / "bare" / "tokenizer_config.json"
    tokenizer.write_text(json.dumps(json.loads(tokenizer.read_text()) | {"chat_template": small.CHAT}))
    captioning(folder).check()
    assert texts(work(captioning(folder), table(pictures()))) == texts(
        work(captioning(weights["llava"]), table(pictures()))
    )


def test_a_chat_model_that_wants_videos(weights: dict[str, str], tmp_path: Path) -> None:
    folder = changed(weights["llava"], tmp_path / "video", model_type="qwen2_vl")
    with pytest.raises(ChainError, match="qwen2_vl, whose processor wants a reader of videos"):
        captioning(folder).check()


@pytest.mark.parametrize("part", ["tokenizer", "image processor"])
def test_a_part_that_is_missing(weights: dict[str, str], tmp_path: Path, part: str) -> None:
    folder = Path(changed(weights["florence2"], tmp_path / "part"))
    gone = ("processor_config.json",) if part == "image processor" else ("tokenizer.json", "tokenizer_config.json")
    for name in gone:
        (folder / name).unlink()
    with pytest.raises(ChainError, match=f"has no {part}"):
        captioning(str(folder)).check()


@pytest.mark.parametrize(
    ("stage", "wrong"),
    [
        (Captioning, {"granularities": ()}),
        (Captioning, {"granularities": ("brief", "brief")}),
        (Captioning, {"granularities": ("long",)}),
        (Captioning, {"prompts": {"detailed": "never asked"}}),
        (Captioning, {"max_new_tokens": {"long": 3}}),
        (Captioning, {"max_new_tokens": {"brief": 0}}),
        (Captioning, {"num_beams": 0}),
        (Captioning, {"together": 0}),
        (CropCaptioning, {"margin": -1}),
        (CropCaptioning, {"min_side": 0}),
        (CropCaptioning, {"max_regions": 0}),
        (CropCaptioning, {"prompts": {"detailed": "never asked"}}),
    ],
)
def test_settings_that_make_no_sense(stage: type[Captioning], wrong: dict[str, Any]) -> None:
    with pytest.raises(ChainError, match="captioning"):
        stage(**wrong)


def test_limits_that_are_not_given_keep_their_default() -> None:
    assert Captioning(max_new_tokens={"brief": 5}).max_new_tokens == {"brief": 5, "detailed": 96, "more_detailed": 224}


def test_a_device_that_is_not_there_and_lacking_weights_are_refused_before_the_run(tmp_path: Path) -> None:
    from safetensors.numpy import load_file, save_file

    folder = small.blip(tmp_path)
    with pytest.raises(ChainError, match="device 'gpu' cannot be used here"):
        Captioning(weights=str(folder), device="gpu").check()
    Captioning(weights=str(folder)).check()
    tensors = load_file(folder / "model.safetensors")
    del tensors["vision_model.post_layernorm.bias"]
    save_file(tensors, folder / "model.safetensors", {"format": "pt"})
    with pytest.raises(ChainError, match=r"lacks weights of its model: vision_model\.post_layernorm\.bias"):
        CropCaptioning(weights=str(folder)).check()
