"""Annotations in, verdicts out: every drop has a rule, a value and a threshold."""
