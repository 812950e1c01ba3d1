# Two commands to begin with: `make demo` and `make test`. Needs Python 3.11 or newer and make.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
WORK ?=

.DEFAULT_GOAL := help
.PHONY: help demo test check gallery bench soak clean

help:            ## this list
	@grep -E '^[a-z]+: .*##' $(MAKEFILE_LIST) | sed 's/:.*##/ -/'

demo: $(VENV)/installed  ## train on a real table of penguins
	$(BIN)/chainrule fit examples/penguins.csv --target species

test: $(VENV)/developing  ## the tests
	$(BIN)/python -m pytest -n 2

check: $(VENV)/developing  ## lint, format, types, import contract
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

gallery: $(VENV)/installed  ## docs/gallery.md and its pictures, from the registries
	$(BIN)/python -m chainrule.glass.gallery.pages docs

bench: $(VENV)/benchmarking  ## the benchmarks; make bench WORK=tiny for one
	$(BIN)/python -m benchmarks $(WORK)

soak: $(VENV)/developing  ## killed trainings, hostile model files, combinations of parameters, mistakes: an hour
	$(BIN)/python tests/soak/kills.py --kills 500
	$(BIN)/python tests/soak/model_files.py --files 2000
	PYTHONPATH=. $(BIN)/python tests/soak/combinations.py --examples 10000
	PYTHONPATH=. $(BIN)/python tests/soak/mistakes.py --problems 1000

clean:           ## remove what the commands above made
	rm -rf $(VENV) runs build dist

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/installed: pyproject.toml | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --editable '.[cli]'
	touch $@

$(VENV)/developing: pyproject.toml | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --editable '.[dev]'
	touch $@ $(VENV)/installed

# PyTorch is only an opponent; its CPU build is asked for by version, not by an index.
$(VENV)/benchmarking: pyproject.toml | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --editable '.[cli,bench]'
	$(BIN)/python -m pip install --quiet 'torch==2.13.0' || echo 'PyTorch is not to be had: it is left out'
	touch $@
