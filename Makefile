# make setup | train env=MsPacman | test | fault-test | lint | format | type | docs
PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin

.PHONY: setup train test fault-test lint format type docs

setup: $(VENV)/installed

$(VENV)/installed: pyproject.toml setup.py constraints.txt ocatari.txt
	$(PYTHON) -c "import sys; sys.exit(sys.version_info < (3, 11) and 'Python 3.11 or newer is needed')"
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt torch
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	$(BIN)/python -m pip install --quiet --no-deps --requirement ocatari.txt
	touch $@

train: setup
	$(BIN)/python train_wm.py $(MAKEOVERRIDES)

test: setup
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses auto --dist loadfile

fault-test: setup
	OMP_NUM_THREADS=1 $(BIN)/python -m tests.faults

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports

format: setup
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

type: setup
	$(BIN)/mypy

docs: setup
	$(BIN)/python -c "import material, mkdocs, mkdocstrings_handlers.python" 2>/dev/null || \
		$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[docs]'
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict
