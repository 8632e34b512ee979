# Two commands do all the set-up: `make up` and `make test`.
SHELL := /bin/bash
PYTHON ?= python3
BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check

.PHONY: up setup test lint format bench bench-inspection drills lock env-example check-pages clean help
help: ## what can be typed here
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 12

up: setup ## set up if needed, start PostgreSQL, Valkey, the web server and a task worker; Ctrl-C stops all
	@exec $(BIN)/roadworthy up --with-parent

setup: .venv/.product ## make .venv with what the product needs

test: .venv/.dev ## run every test that this machine can run
	@$(BIN)/python -m pytest -n 2 --dist loadgroup --max-worker-restart 0 $(ARGS)

lint: .venv/.dev ## formatting, lints, types and layers
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: .venv/.dev ## rewrite the code as the formatter wants it
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: .venv/.dev ## measure against the reference stack (QUICK=1: under four minutes)
	@$(BIN)/python -m benchmarks $(if $(QUICK),--quick)

bench-inspection: .venv/.dev ## the inspector's bars (CHECKLISTS=folder: labelled checklists)
	@$(BIN)/python -m benchmarks.inspection $(if $(CHECKLISTS),--corpus $(CHECKLISTS))

drills: .venv/.dev ## try what docs/guarantees.md promises under faults and load (QUICK=1: under five minutes; DRILL=name)
	@$(BIN)/python -m tests.drills $(if $(QUICK),--quick) $(DRILL)

env-example: .venv/.product ## renew .env.example from the settings
	$(BIN)/python -m roadworthy.chassis.settings_example > .env.example

check-pages: .venv/.dev ## renew docs/checks/ from the checks
	$(BIN)/python -m roadworthy.inspection.documentation docs/checks

lock: .venv/.dev ## renew requirements/*.txt
	PATH="$(CURDIR)/$(BIN):$$PATH" requirements/lock.sh

clean: ## remove .venv and caches; the data in .roadworthy stays
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

.venv/bin/python:
	$(PYTHON) -m venv .venv || { echo "python3-venv is missing. On Debian: sudo apt-get install python3-venv" >&2; exit 1; }

.venv/.product: .venv/bin/python requirements/product.txt pyproject.toml
	$(PIP) install --quiet --require-hashes -r requirements/product.txt
	$(PIP) install --quiet --no-deps --no-build-isolation -e .
	@touch $@

.venv/.dev: .venv/.product requirements/dev.txt
	$(PIP) install --quiet --require-hashes -r requirements/dev.txt
	@touch $@
