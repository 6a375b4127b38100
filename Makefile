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

# Generated scenes, of which all is known: annotated and curated; then the bundled multitask model learns of what is
# left, looks again, and a gate says whether that was better. All of it is measured and shown.
SCENES := scenes:96?seed=1
DEMO := out/demo
FIGURES := $(patsubst %,--figures $(DEMO)/figures/%.json,raw curated round1)
demo: setup
	@$(BIN)/fld run '$(SCENES)' $(DEMO) --profile bundled --yes
	@echo; $(BIN)/fld inspect $(DEMO)
	@echo; $(BIN)/fld train $(DEMO)/curated $(DEMO)/model --from bundled:florence --config train.yaml
	@echo; $(BIN)/fld refine $(DEMO)/curated $(DEMO)/round1 --model $(DEMO)/model/model --truth '$(SCENES)' \
	  || grep -qs '"accepted": false' $(DEMO)/round1/gate.json  # a refused round is a result too
	@for step in raw curated round1; do \
	  echo; $(BIN)/fld evaluate $(DEMO)/$$step '$(SCENES)' --json $(DEMO)/figures/$$step.json || exit; done
	@echo; $(BIN)/fld report $(DEMO)/round1 --before $(DEMO)/curated $(FIGURES)
	@echo; $(BIN)/fld report $(DEMO) $(FIGURES)
	@echo; $(BIN)/python -m pipelines.metrics $(DEMO) $(DEMO)/metrics raw curated round1

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
