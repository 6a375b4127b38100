"""A corpus of texts, a quarter of them bad on purpose, by which the default filters are measured.

The filters were written without it, and it without their rules: what it calls bad is what captioners, scraped
pages and broken tools leave behind. `python -m benchmarks.corpus` writes docs/filters.md.
"""
