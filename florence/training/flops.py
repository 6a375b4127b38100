"""How much arithmetic a model does by its formulas, and how much a device could do: model FLOP utilisation.

Counted are matrix products and convolutions, a multiplication and an addition as 2, of real tokens and pixels: padding
is not useful work, and so lowers the utilisation, as do norms, softmax and the optimizer. With n input tokens (those of
the image too), t target tokens, width d, inner width f, vocabulary v, per sample and layer:

encoder 8nd^2 + 4n^2d + 4ndf; decoder 12td^2 + 4nd^2 + 4t^2d + 4tnd + 4tdf; and once, the scores 2tdv.

Of an image, per stage with p patches of width c from a patch of k x k x c': the embedding 2pk^2c'c; per block the
window attention (w x w patches) 8pc^2 + 4pw^2c, the channel attention (g groups) 8pc^2 + 4pc^2/g, two networks of inner
width rc 8prc^2 and four convolutions of one channel 72pc; and once, the projector 2(p+1)cd.

A backward pass is two forward passes: one for the weights, one for what was before them. A frozen part needs not the
first, nor, where nothing before it learns, the second.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from florence.training.settings import PARTS

# One device's most in bfloat16 without sparsity, in TFLOP/s, from its maker's data sheet; by the name torch gives it.
PEAKS = {
    "H100 PCIe": 756.0, "H100 NVL": 835.0, "H100": 989.4, "H200": 989.4, "B200": 2250.0, "A100": 312.0, "L40S": 362.0,
    "L4": 121.0, "A10": 125.0, "RTX 4090": 165.2,
}  # fmt: skip


def peak(device: str, given: float | None, bf16: bool) -> float | None:
    """One device's most, in FLOP/s: the setting (TFLOP/s), else the table's; None where it is not known."""
    if given is not None:
        return given * 1e12
    words = device.replace("-", " ").split()
    known = [name for name in PEAKS if all(word in words for word in name.split())] if bf16 else []
    return PEAKS[max(known, key=len)] * 1e12 if known else None


@dataclass(frozen=True)
class Work:
    """A model's FLOP per forward pass, by part; `config` is its Florence2Config."""

    config: Any

    def of(self, image_size: int, images: int, inputs: Any, targets: Any, frozen: Collection[str] = ()) -> float:
        """Of a step, both passes: so many images, and samples of these numbers of tokens, each float64 (b,)."""
        each = {**self.image(image_size, images), **self.texts(inputs, targets)}
        learns = False
        total = 0.0
        for name in PARTS:  # in the order in which a forward pass goes through them
            total += (1 + learns if name in frozen else 3) * each.get(name, 0.0)
            learns = learns or name not in frozen
        return total + each["scores"] * (2 + ("words" not in frozen))

    def image(self, image_size: int, images: int) -> dict[str, float]:
        """Of the vision encoder and the projector, forward."""
        vision = self.config.vision_config
        total, side, before = 0.0, image_size, int(vision.in_channels)
        for at, width in enumerate(vision.embed_dim):
            kernel, stride, padding = vision.patch_size[at], vision.patch_stride[at], vision.patch_padding[at]
            side = (side + 2 * padding - kernel) // stride + 1
            patches = side**2
            total += 2 * patches * kernel**2 * before * width
            window = 8 * width**2 + 4 * vision.window_size**2 * width
            channel = 8 * width**2 + 4 * width**2 / vision.num_groups[at]
            networks = 8 * vision.mlp_ratio * width**2
            total += vision.depths[at] * patches * (window + channel + networks + 72 * width)
            before = width
        projector = 2 * (patches + 1) * before * vision.projection_dim
        return {"vision": images * total, "projector": float(images * projector)}

    def texts(self, inputs: Any, targets: Any) -> dict[str, float]:
        """Of the encoder, the decoder and the vocabulary's scores, forward."""
        text = self.config.text_config
        d, n, t = text.d_model, inputs, targets
        encoder = 8 * n * d**2 + 4 * n**2 * d + 4 * n * d * text.encoder_ffn_dim
        decoder = (12 * t + 4 * n) * d**2 + 4 * t**2 * d + 4 * t * n * d + 4 * t * d * text.decoder_ffn_dim
        return {
            "encoder": text.encoder_layers * float(encoder.sum()),
            "decoder": text.decoder_layers * float(decoder.sum()),
            "scores": 2 * d * text.vocab_size * float(t.sum()),
        }
