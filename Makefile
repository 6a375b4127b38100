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
	$(PIP) install --constraint constraints.txt --editable '.[s3,dev]'
	touch $@

# Generated scenes, of which all is known: annotated, curated, measured, shown.
SCENES := scenes:64?seed=1
demo: setup
	@$(BIN)/fld run '$(SCENES)' out/demo --profile bundled --yes
	@echo; $(BIN)/fld inspect out/demo
	@echo; $(BIN)/fld evaluate out/demo/raw '$(SCENES)' --json out/demo/figures-raw.json
	@echo; $(BIN)/fld evaluate out/demo '$(SCENES)' --json out/demo/figures-curated.json
	@echo; $(BIN)/fld report out/demo

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

test: lint
	$(BIN)/python -m pytest -n auto --dist loadfile

bench: setup
	$(BIN)/python -m benchmarks

clean:
	rm -rf out dist build .mypy_cache .pytest_cache .ruff_cache
