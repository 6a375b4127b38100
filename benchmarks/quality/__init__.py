"""The project's claim, measured: annotations get better by curation and by each round, and so do models of them.

`python -m benchmarks quality` writes docs/quality.md, and the same as JSON beside it. What it makes on the way stays in
a folder, and is not made again.
"""
