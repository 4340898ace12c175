# Everything a person types. Set-up happens inside each target, into .venv.
.DEFAULT_GOAL := help
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready
DEMO ?=

.PHONY: help setup demo check test bench

help: ## show this list
	@awk -F':.*## ' '/^[a-z]+:.*## / {printf "  make %-7s %s\n", $$1, $$2}' Makefile

$(READY): constraints.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "$(PYTHON) is $$($(PYTHON) --version 2>&1), this project needs Python 3.11 or newer; call: make PYTHON=python3.11 ..."; exit 1; }
	$(PYTHON) -m venv .venv
	PIP_CONSTRAINT=constraints.txt $(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[dev]'
	@touch $(READY)

setup: $(READY) ## create .venv with the pinned versions (the other targets do it too)

demo: $(READY) ## simulated market, collector and Dagster UI; no account needed (DEMO="--once" for options)
	$(BIN)/futures-pipeline demo $(DEMO)

check: $(READY) ## formatting, lint, types, import contracts
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

test: $(READY) ## all tests
	$(BIN)/pytest

bench: $(READY) ## measurements against other tools
	$(BIN)/python -m futures_pipeline_tests.bench
