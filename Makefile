# The commands of this project. Nothing needs to be installed first but Python 3.11 to 3.13.

PYTHON ?= python3
BIN := .venv/bin
export PYTHONPATH := src
export COVERAGE_FILE := .venv/coverage

.DEFAULT_GOAL := help
.PHONY: help serve test test-cluster check bench soak lock

help:  ## show this list
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' Makefile

serve: .venv/service.stamp  ## page and API on http://localhost:8000
	@exec $(BIN)/python -m catdog_api serve

test: .venv/dev.stamp  ## every test, and the coverage of src
	$(BIN)/coverage run -m pytest
	$(BIN)/coverage report

test-cluster: .venv/dev.stamp  ## on a Ray cluster of three nodes on this machine (minutes)
	$(BIN)/python -m pytest -m cluster -W default tests/cluster $(CLUSTER)

check: .venv/dev.stamp  ## format, lint, types, imports
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: .venv/dev.stamp  ## measure this service beside others (over an hour, on an idle machine; needs wrk)
	$(BIN)/python -m benchmarks

soak: .venv/dev.stamp  ## hold the service under load and faults (over an hour, on an idle machine)
	SOAK_FIGURES=benchmarks/results/soak.json $(BIN)/python -m pytest -m soak tests/soak

lock: .venv/dev.stamp  ## pin the dependencies anew, with hashes
	$(BIN)/uv pip compile $(LOCK) pyproject.toml -o requirements.lock
	$(BIN)/uv pip compile $(LOCK) pyproject.toml --extra cluster -o requirements-ray.lock
	$(BIN)/uv pip compile $(LOCK) pyproject.toml --all-extras --group dev -o requirements-dev.lock

LOCK := --quiet --upgrade --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate \
	--custom-compile-command "make lock"

.venv/python.stamp:
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; sys.exit(0 if (3, 11) <= v <= (3, 13) else \
	    f"catdog-api needs Python 3.11 to 3.13, and $(PYTHON) is {v[0]}.{v[1]}: try make PYTHON=python3.12 ...")'
	$(PYTHON) -m venv .venv
	@touch $@

.venv/service.stamp: requirements.lock | .venv/python.stamp
	@echo "Installing the dependencies into .venv, which takes a minute or two ..."
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@touch $@

# The lock is complete. Resolved again it would not be, because of what MLServer wants as a server: see pyproject.toml.
.venv/dev.stamp: requirements-dev.lock | .venv/python.stamp
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r requirements-dev.lock
	@touch $@
