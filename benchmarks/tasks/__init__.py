"""How good a multitask model is at each of its 15 tasks: generated scenes ask, and their truth judges.

`asking` puts one question at a time, made of the truth; `judging` holds the answers against it, by the figures of
docs/evaluation.md where it has one; `command` prints them.
"""
