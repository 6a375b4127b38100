# `make demo` and `make test` work on a fresh machine: they install what they need, from the package index alone.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet

# The first target, and what `make` alone says.
help:
	@echo 'make demo | test | lint | bench | setup | clean'

.PHONY: help setup demo test lint bench clean

setup: $(VENV)/.installed

$(VENV)/.installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(PIP) install --constraint constraints.txt --editable '.[s3,demo,dev]'
	touch $@

# The photos and scanned pages that scikit-image ships.
demo: setup
	@images=$$($(BIN)/python -c 'import pathlib, skimage; print(pathlib.Path(skimage.__file__).parent / "data")'); \
	$(BIN)/fld run "$$images/*.png" "$$images/*.jpg" "$$images/*.gif" out/demo
	@echo; $(BIN)/fld inspect out/demo
	@echo; $(BIN)/fld inspect out/demo --image page.png
	@echo; echo "Look further: out/demo/curated/shards/*.parquet, out/demo/curated/rejects/*.parquet, out/demo/summary.json"

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

test: lint
	$(BIN)/python -m pytest

bench: setup
	$(BIN)/python -m benchmarks

clean:
	rm -rf out dist build .mypy_cache .pytest_cache .ruff_cache
