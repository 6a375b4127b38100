"""Scoring: how well texts, labels and phrases fit the pixels."""

from specialists.scoring.stage import Scoring

__all__ = ["Scoring"]
