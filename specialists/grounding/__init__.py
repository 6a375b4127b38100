"""Grounding: boxes for phrases, and for the names of categories."""

from specialists.grounding.stages import CategoryGrounding, Grounding

__all__ = ["CategoryGrounding", "Grounding"]
