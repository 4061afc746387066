# One door. Each target sets up what it needs; nothing has to be installed by hand but Python 3.11 or newer.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
# Tests may use all cores but are bound by two in CI.
JOBS ?= 2

.PHONY: help setup check format lint types imports docs test demo bench requirements clean

help:
	@echo "make demo    run Tocsin on a seeded example: anomalies on the screen, a report and a picture"
	@echo "make test    run the tests"
	@echo "make check   format, lint, types, import contracts, then the tests (what a change must pass)"
	@echo "make bench   the benchmarks, beside the peer from PyPI"

$(BIN)/tocsin: pyproject.toml
	@echo "== setting up $(VENV): a virtual environment with Tocsin in it (about a minute, once)"
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --quiet --disable-pip-version-check --editable .
	$(BIN)/python -m compileall -q src
	@touch $@

$(BIN)/pytest: requirements/dev.txt $(BIN)/tocsin
	@echo "== setting up the tools for tests and checks (about a minute, once)"
	$(BIN)/python -m pip install --quiet --quiet --disable-pip-version-check --require-hashes --requirement requirements/dev.txt
	@touch $@

setup: $(BIN)/pytest

demo: $(BIN)/tocsin
	@$(BIN)/python -m tocsin.runtime.demo

test: $(BIN)/pytest
	@echo "== running the tests on $(JOBS) processes"
	$(BIN)/python -m pytest -n $(JOBS) --dist worksteal

format: setup
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

lint: setup
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

types: setup
	$(BIN)/mypy

imports: setup
	$(BIN)/lint-imports --no-cache

check: lint types imports test

bench: setup
	$(BIN)/python -m benchmarks series
	$(BIN)/python -m benchmarks pipeline
	$(BIN)/python -m benchmarks crash
	$(BIN)/python -m benchmarks persistency
	$(BIN)/python -m benchmarks parsers
	$(BIN)/python -m benchmarks logs
	$(BIN)/python -m benchmarks crash-state
	$(BIN)/python -m benchmarks eventstore
	$(BIN)/python -m benchmarks crash-events
	$(BIN)/python -m benchmarks noise
	$(BIN)/python -m benchmarks watch
	$(BIN)/python -m benchmarks replay

# Needs uv; writes the hashes of everything that tests and checks use.
requirements:
	uv pip compile --universal --generate-hashes --no-header --python-version 3.11 \
	    --output-file requirements/dev.txt requirements/dev.in pyproject.toml

clean:
	rm -rf $(VENV) demo build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
