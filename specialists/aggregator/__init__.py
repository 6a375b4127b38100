"""Detailed texts without a model, composed of what was found."""

from specialists.aggregator.stage import Aggregator

__all__ = ["Aggregator"]
