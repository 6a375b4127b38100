"""Weights: where they lie, whether they may be loaded, and how they come from a hub."""
