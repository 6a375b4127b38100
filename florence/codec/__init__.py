"""Annotations to the prompts and targets of a sequence-to-sequence model, and back: all 15 tasks of Florence-2.

Written as the public checkpoints have it, so that they and ours are interchangeable; docs/codec.md shows each task.
What is asked and what is answered are items: texts, boxes, outlines, quads, in pixels of the upright image, x right,
y down. `encode` and `prompt` write them, `decode` and `asked` read them. What has been written is read back as it
was, but for coordinates, which are at the centre of their bin; what a model writes is read as far as it makes sense.
"""

from florence.codec.items import Box, Item, Outline, Quad, Size, Text, to_bins, to_pixels
from florence.codec.markup import ADDED, BINS, BOS, EOS, IMAGE, MASK, PAD, UNK, escape, unescape
from florence.codec.prompts import asked, prompt
from florence.codec.reading import Decoded, decode, read
from florence.codec.samples import Draft, Sample, drafts, mean, samples
from florence.codec.tasks import FORMS, Form, Task
from florence.codec.writing import Target, arranged, encode, write

__all__ = [
    "ADDED",
    "BINS",
    "BOS",
    "EOS",
    "FORMS",
    "IMAGE",
    "MASK",
    "PAD",
    "UNK",
    "Box",
    "Decoded",
    "Draft",
    "Form",
    "Item",
    "Outline",
    "Quad",
    "Sample",
    "Size",
    "Target",
    "Task",
    "Text",
    "arranged",
    "asked",
    "decode",
    "drafts",
    "encode",
    "escape",
    "mean",
    "prompt",
    "read",
    "samples",
    "to_bins",
    "to_pixels",
    "unescape",
    "write",
]
