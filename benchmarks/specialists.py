"""Every specialist against the bare loop of its model over the same images, decoding included once: at least 0.9.

The bare loop is what one would write without an engine: decode, processor, model, the processor's own
post-processing, in the same groups, on as many torch threads as there are cores. The stage does the same in a
Worker, and makes records, checks and books them; the segmenter's masks become run lengths and polygons besides.
Random checkpoints with the proportions of real ones (checkpoints.py); loading is in neither.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from benchmarks import checkpoints
from benchmarks.figure import Figure, Options, compare
from benchmarks.pictures import photos
from engine import records
from engine.images import decode
from engine.local import cores
from engine.stage import Resources
from engine.worker import Work, Worker
from specialists.captioning.stages import Captioning
from specialists.detection import Detection
from specialists.grounding.stages import Grounding
from specialists.model import ModelStage
from specialists.scoring.stage import Scoring
from specialists.segmentation.stage import Segmentation

IMAGES, TOGETHER, BOXES = 16, 4, 10
ORIGIN = records.Origin("bench", "1")
PHRASES = ("a red dog", "a blue car", "a tree")
TEXT = ", ".join(PHRASES)

Bare = Callable[[ModelStage, list[np.ndarray]], None]


@dataclass(frozen=True)
class Case:
    """A stage, its checkpoint, and its bare loop over a few images at once."""

    stage: type[ModelStage]
    made: Callable[[Path], Path]
    bare: Bare
    settings: dict[str, Any]


def measure(options: Options) -> Iterator[Figure]:
    """In turns, each specialist by itself."""
    import torch

    table = _table(options.folder)
    for case in CASES:
        home = case.made(options.folder / case.stage.name)
        stage = case.stage(
            weights=str(home), together=TOGETHER, resources=Resources(batch_size=IMAGES), **case.settings
        )
        worker = Worker([stage], cores())

        def ours(worker: Worker = worker) -> None:
            torch.set_num_threads(1)
            done = worker(Work.of(table))
            if any(done.table["faults"].to_pylist()):
                raise SystemExit(done.table["faults"][0].as_py())

        def bare(case: Case = case, stage: ModelStage = stage) -> None:
            torch.set_num_threads(cores())
            with torch.inference_mode():
                for at in range(0, IMAGES, TOGETHER):
                    data = records.column_of(table.slice(at, TOGETHER), "image").field("bytes").to_pylist()
                    case.bare(stage, [decode(one) for one in data])

        ours(), bare()
        yield compare(f"{case.stage.name}, {IMAGES} photos", ours, bare, options.rounds, 0.9)
        worker.close()


def _table(folder: Path) -> pa.Table:
    """Photos with a text, its phrases, and boxes without masks."""
    photos(folder / "photos", IMAGES)
    rows = []
    rng = np.random.default_rng(0)
    for number, path in enumerate(sorted((folder / "photos").iterdir())):
        corner = rng.uniform(0, 500, (BOXES, 2))
        boxes = np.concatenate([corner, corner + rng.uniform(30, 250, (BOXES, 2))], axis=1).tolist()
        labels = [records.label("phrase", PHRASES[i % 3], ORIGIN) for i in range(BOXES)]
        starts = [TEXT.index(phrase) for phrase in PHRASES]
        rows.append(
            {
                "image_id": f"{number:064x}", "image": {"bytes": path.read_bytes(), "path": path.name},
                "width": 1024, "height": 768, "texts": [records.text("t", "brief", TEXT, ORIGIN)],
                "regions": [
                    records.region(f"r{i}", "object", box, ORIGIN, score=0.5, labels=[label])
                    for i, (box, label) in enumerate(zip(boxes, labels, strict=True))
                ],
                "phrases": [
                    records.phrase(f"p{i}", "t", (start, start + len(phrase)), ORIGIN)
                    for i, (start, phrase) in enumerate(zip(starts, PHRASES, strict=True))
                ],
                "faults": [],
            }
        )  # fmt: skip
    return pa.Table.from_pylist(rows, records.SCHEMA)


def _sizes(images: Sequence[np.ndarray]) -> list[tuple[int, int]]:
    return [image.shape[:2] for image in images]


def _detect(stage: ModelStage, images: list[np.ndarray]) -> None:
    processor = stage._processor
    output = stage._model(**processor(images=images, return_tensors="pt"))
    processor.post_process_object_detection(output, threshold=0.05, target_sizes=_sizes(images))


def _caption(stage: ModelStage, images: list[np.ndarray]) -> None:
    inputs = stage._processor(images=images, return_tensors="pt")
    tokens = stage._model.generate(**inputs, max_new_tokens=16, do_sample=False)
    stage._processor.batch_decode(tokens, skip_special_tokens=True)


def _ground(stage: ModelStage, images: list[np.ndarray]) -> None:
    processor = stage._processor
    inputs = processor(images=images, text=[". ".join(PHRASES) + "."] * len(images), return_tensors="pt", padding=True)
    output = stage._model(**inputs)
    processor.post_process_grounded_object_detection(
        output, inputs["input_ids"], threshold=0.1, text_threshold=0.1, target_sizes=_sizes(images)
    )


def _segment(stage: ModelStage, images: list[np.ndarray]) -> None:
    processor, model = stage._processor, stage._model
    rng = np.random.default_rng(0)
    for image in images:
        corner = rng.uniform(0, 500, (BOXES, 2))
        boxes = np.concatenate([corner, corner + rng.uniform(30, 250, (BOXES, 2))], axis=1).tolist()
        inputs = processor(image, input_boxes=[boxes], return_tensors="pt").to(model.device, model.dtype)
        seen = model.get_image_embeddings(inputs["pixel_values"])
        output = model(image_embeddings=seen, input_boxes=inputs["input_boxes"], multimask_output=True)
        processor.image_processor.post_process_masks(
            output.pred_masks, inputs["original_sizes"], inputs["reshaped_input_sizes"]
        )


def _score(stage: ModelStage, images: list[np.ndarray]) -> None:
    """The whole image and each of its boxes, and all texts, in groups as the stage has them."""
    processor, model = stage._processor, stage._model
    rng = np.random.default_rng(0)
    for image in images:
        corner = rng.uniform(0, 500, (BOXES, 2)).astype(int)
        far = corner + rng.uniform(30, 250, (BOXES, 2)).astype(int)
        crops = [image, *(image[y0:y1, x0:x1] for (x0, y0), (x1, y1) in zip(corner, far, strict=True))]
        for at in range(0, len(crops), TOGETHER):
            model.get_image_features(**processor(images=crops[at : at + TOGETHER], return_tensors="pt"))
    texts = [TEXT, *PHRASES]
    tokens = processor.tokenizer(texts, return_tensors="pt", padding=True)
    model.get_text_features(input_ids=tokens["input_ids"], attention_mask=tokens["attention_mask"])


CASES = (
    Case(Detection, checkpoints.detector, _detect, {}),
    Case(Captioning, checkpoints.captioner, _caption, {"max_new_tokens": {"brief": 16}}),
    Case(Grounding, checkpoints.grounder, _ground, {}),
    Case(Segmentation, checkpoints.segmenter, _segment, {}),
    Case(Scoring, checkpoints.scorer, _score, {}),
)
