"""Wiring, no arithmetic: the commands, their settings, and one file per verb."""
