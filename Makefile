.DEFAULT_GOAL := help
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: help setup train test test-quick check clean

help:  ## list the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## */\t/' | expand -t 14

$(VENV)/.user: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e . -c constraints.txt
	@touch $@

$(VENV)/.dev: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[dev]' -c constraints.txt
	@touch $@ $(VENV)/.user

setup: $(VENV)/.dev  ## make .venv and install cldeblur with its development extras

train: $(VENV)/.user  ## train the quickstart: a small MIMO-UNet on real photographs, 3 to 5 minutes on two cores
	$(BIN)/cldeblur train experiment=quickstart

# Two processes of one thread: on images this small two threads spend their time waiting for one another. A file stays
# in one process, because tests of one file share what is made once.
PYTEST = OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist loadfile

test: $(VENV)/.dev  ## run the whole test suite
	$(PYTEST)

test-quick: $(VENV)/.dev  ## run the tests that take less than ten seconds each
	$(PYTEST) -m 'not long'

check: $(VENV)/.dev  ## ruff (style, annotations, docstrings, complexity) and mypy --strict
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

clean:  ## remove .venv and caches (never runs/)
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .hypothesis
