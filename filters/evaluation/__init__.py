"""How good annotations are, measured against truth: one file per kind; docs/evaluation.md defines every figure."""

from filters.evaluation.figures import evaluate
from filters.evaluation.sides import COLUMNS, human_only

__all__ = ["COLUMNS", "evaluate", "human_only"]
