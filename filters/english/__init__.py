"""A spaCy pipeline for English, captions above all, and the recipe that trains it."""

from pathlib import Path

MODEL = Path(__file__).parent / "model"
