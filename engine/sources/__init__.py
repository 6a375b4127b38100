"""The only door in: what a user names becomes a table of inputs, and each input an image or a refusal."""

from engine.sources.inputs import INPUTS, SourceError
from engine.sources.spec import list_inputs

__all__ = ["INPUTS", "SourceError", "list_inputs"]
