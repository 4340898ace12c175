# Everything a person types. Set-up happens inside each target, into .venv.
.DEFAULT_GOAL := help
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready
DEMO ?=
FAULTS ?=
SOAK ?=
DAY ?=
TORTURE ?=

.PHONY: help setup demo check test bench faults soak day torture

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
	OPENBLAS_NUM_THREADS=1 $(BIN)/pytest -n 3 --dist loadscope --no-loadscope-reorder

bench: $(READY) ## measurements against other tools
	$(BIN)/python -m futures_pipeline_tests.bench

faults: $(READY) ## every fault against the real collector, as a table (FAULTS="--only fin,stall" for options)
	$(BIN)/python -m futures_pipeline_tests.faults matrix $(FAULTS)

soak: $(READY) ## 1000 random faults over five sessions, 12 minutes (SOAK="--faults 200 --sessions 1" for less)
	$(BIN)/python -m futures_pipeline_tests.faults soak $(SOAK)

day: $(READY) ## simulated days: pause, nightly reset, change of the clocks, roll (DAY="--output day.md" for options)
	$(BIN)/python -m futures_pipeline_tests.faults day $(DAY)

torture: $(READY) ## kills, power cuts, full disks, damaged files against the lake, 6 minutes (TORTURE="--quick" for less)
	$(BIN)/python -m futures_pipeline_tests.torture $(TORTURE)
