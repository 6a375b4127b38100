"""The bundled grounder: MM-Grounding-DINO (Zhao et al., arXiv 2401.02361) of a million and a half parameters, 256 px.

The backbone is the bundled detector's, and begins with its weights where there are any. Of its pyramid the levels at
16 and 32 px are enough: one at 8 px would cost as much as all the rest, for the few things that are smaller. The text
side is a BERT of two layers over the words of the scenes, letter by letter for all others.

Set matching learns slowly from scratch, so nothing is matched here. Each place in the middle of a thing says where
that thing is and which phrases name it; each query of the decoder answers for the thing that its box overlaps most,
with the overlap as the score to be told. Several queries may answer for one thing, and the stage keeps the best. All
tokens of a phrase are told the same, since their mean is its score. Beside this, heads that are thrown away name the
category and the colour of what stands at a place, so that the eyes learn before they are asked.

Windows are cut out of the scenes, mirrored and lit anew (views.py): no phrase of a scene says left or right. Small
pictures come first.

    python -m specialists.bundled.recipes.grounding --pack PACK --work WORK --out FOLDER --detector DETECTOR
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import nn

from specialists.bundled.recipes import options
from specialists.bundled.recipes.grounding_batch import Batches, words_of
from specialists.bundled.recipes.grounding_loss import Trainee, loss
from specialists.bundled.recipes.training import Plan, train

SIDE = 256  # px, to which an image is stretched
SIDES = ((160, 192, 224), (224, 256, 288))  # one of them for each step, in the first half and in the second
WIDTH = 96
WINDOW = 64  # tokens that are asked at once
PLAN = Plan(steps=2150, batch=12, rate=8e-4)
# The ids of these are written in the model's code, which takes them from BERT.
MARKS = {"[PAD]": 0, "[UNK]": 100, "[CLS]": 101, "[SEP]": 102, "[MASK]": 103, ".": 1012, "?": 1029}


def build(words: list[str]) -> tuple[Any, Any]:
    """Model and processor for texts of these words."""
    from transformers import (
        BertConfig,
        GroundingDinoProcessor,
        MMGroundingDinoConfig,
        MMGroundingDinoForObjectDetection,
        RTDetrResNetConfig,
    )
    from transformers.models.grounding_dino.image_processing_pil_grounding_dino import GroundingDinoImageProcessorPil

    tokenizer = tokens_for(words)
    backbone = RTDetrResNetConfig(
        embedding_size=24, hidden_sizes=[24, 48, 96, 144], depths=[1, 2, 2, 1], layer_type="basic",
        out_features=["stage3", "stage4"],
    )  # fmt: skip
    text = BertConfig(
        vocab_size=len(tokenizer), hidden_size=WIDTH, num_hidden_layers=2, num_attention_heads=3,
        intermediate_size=2 * WIDTH, max_position_embeddings=WINDOW, hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
    )  # fmt: skip
    config = MMGroundingDinoConfig(
        backbone_config=backbone, text_config=text, d_model=WIDTH, num_queries=60,
        num_feature_levels=2, encoder_layers=1, encoder_ffn_dim=2 * WIDTH, encoder_attention_heads=6, decoder_layers=2,
        decoder_ffn_dim=2 * WIDTH, decoder_attention_heads=6, max_text_len=WINDOW, dropout=0.0, fusion_droppath=0.0,
    )  # fmt: skip
    model = MMGroundingDinoForObjectDetection(config)
    for layer in model.model.encoder.layers:
        # Pretrained towers are fused with care; these have nothing to lose.
        nn.init.constant_(layer.fusion_layer.vision_param, 0.3)
        nn.init.constant_(layer.fusion_layer.text_param, 0.3)
    images = GroundingDinoImageProcessorPil(size={"height": SIDE, "width": SIDE}, do_normalize=False)
    return model, GroundingDinoProcessor(images, tokenizer)


def tokens_for(words: list[str]) -> Any:
    """BERT's tokenizer over these words and all letters and digits."""
    from transformers import BertTokenizer

    letters = "abcdefghijklmnopqrstuvwxyz0123456789"
    pieces = [*letters, *(f"##{letter}" for letter in letters), *words]
    free = (number for number in range(len(pieces) + max(MARKS.values())) if number not in MARKS.values())
    known = MARKS | {piece: next(free) for piece in dict.fromkeys(pieces) if piece not in MARKS}
    last = max(known.values())
    unused = set(range(last + 1)) - set(known.values())
    return BertTokenizer(vocab=known | {f"[unused{number}]": number for number in unused})


def thawed(module: nn.Module) -> None:
    """Let the batch norms of a backbone learn: the model freezes them, taking for granted that somebody else has."""
    for name, child in module.named_children():
        if type(child).__name__.endswith("FrozenBatchNorm2d"):
            norm = nn.BatchNorm2d(len(child.weight))
            norm.load_state_dict(child.state_dict(), strict=False)
            setattr(module, name, norm)
        else:
            thawed(child)
    module.requires_grad_(True)


def frozen(model: Any) -> Any:
    """The same, with batch norms as the model's own code has them."""
    made = type(model)(model.config)
    made.load_state_dict(model.state_dict())
    return made.eval()


def borrow(model: Any, detector: Path) -> None:
    """Take the backbone of a detector that the recipe beside this one has trained."""
    from transformers import RTDetrV2ForObjectDetection

    theirs = RTDetrV2ForObjectDetection.from_pretrained(detector, dtype=torch.float32).model.backbone.model
    model.model.backbone.conv_encoder.model.load_state_dict(theirs.state_dict())


def main() -> None:
    given = options.read(PLAN, detector="folder of the bundled detector, whose backbone is begun with")
    grounder, processor = build(words_of(given.pack))
    if begun := given.folders["detector"]:
        borrow(grounder, begun)
    thawed(grounder.model.backbone)
    trainee = Trainee(grounder)
    train(trainee, loss, Batches(given.pack, processor.tokenizer, SIDES, WINDOW, given.plan), given.plan, given.work)
    options.save(given.out, frozen(grounder), processor)


if __name__ == "__main__":
    main()
