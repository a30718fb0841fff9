# Everything a person or a machine does here starts with one of these. `make help` lists them.
.DEFAULT_GOAL := help
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c

# The first of these that is Python 3.11; or name one: make PYTHON=/path/to/python3.11
PYTHON ?= $(shell for p in python3.11 python3 python; do "$$p" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' 2>/dev/null && echo "$$p" && break; done)
BIN := .venv/bin

.PHONY: help demo test setup up down clean lint types imports sql pytest unit e2e redshift test-redshift scaling bench calibrate mutate requirements pictures

help: ## List the targets
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-14s %s\n", $$1, $$2}'

demo: setup ## Run four weeks of a simulated delivery city through real Airflow and print the digest
	@$(BIN)/splitmile demo

test: lint types imports sql pytest ## Everything the gate checks
	@echo "All checks passed."

setup: .venv/installed ## Make the environment in .venv

up: setup ## Start S3 and Airflow in the background, on this machine only
	@$(BIN)/splitmile up

down: ## End what `make up` started
	@$(BIN)/splitmile down

clean: ## Remove the environment and everything that was made
	@if [ -x $(BIN)/splitmile ]; then $(BIN)/splitmile down; fi
	rm -rf .venv .local .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache .coverage

lint: setup ## Style of Python
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

types: setup ## Types of the package, strictly
	$(BIN)/mypy

imports: setup ## Who may import whom
	$(BIN)/lint-imports

sql: setup ## Style of SQL
	$(BIN)/sqlfluff lint dbt_project/models dbt_project/tests

# Unit and e2e in one run, so that no worker waits for the other in between.
pytest: setup ## Every test
	$(BIN)/pytest -q -n 2 --dist loadfile --no-loadscope-reorder

unit: setup ## Tests of every part: Python, dbt, DAGs
	$(BIN)/pytest -q -n 2 --dist loadfile --no-loadscope-reorder -m "not slow"

e2e: setup ## The whole way, slow: a scheduler from S3 to the digest
	$(BIN)/pytest -q -n 2 --dist loadfile --no-loadscope-reorder -m slow

export HOST

redshift: setup ## Start the stand-in for Amazon Redshift, with an S3 beside it, until Ctrl-C
	@PYTHONPATH=tests $(BIN)/python -m redshift_standin

test-redshift: setup ## The tests of Redshift on a real one: make test-redshift HOST=… (CONTRIBUTING.md has the variables)
	@for name in HOST REDSHIFT_TEST_PASSWORD REDSHIFT_TEST_BUCKET; do \
		test -n "$${!name:-}" || { echo "make test-redshift needs $$name; CONTRIBUTING.md says what it is."; exit 2; }; \
	done
	REDSHIFT_TEST_HOST="$$HOST" $(BIN)/pytest -q -m redshift

scaling: setup ## Measure small days and write docs/scaling.md anew, some minutes
	@$(BIN)/python -m benchmarks.scaling

SCALE ?= full

bench: setup ## Measure beside other libraries and write docs/performance.md anew, a quarter of an hour; SCALE=small: a minute, writes no document
	@$(BIN)/python -m benchmarks.performance --scale $(SCALE)

calibrate: setup ## Count how often every method errs and write docs/calibration.md anew, some minutes
	@OPENBLAS_NUM_THREADS=1 $(BIN)/python -m benchmarks.calibration

mutate: setup ## Change the core formulas in every small way and list the changes that no test notices, half an hour
	rm -rf .local/mutation
	mkdir -p .local/mutation/src .local/mutation/tests
	cp -r plugins/splitmile .local/mutation/src/
	cp -r tests/stats .local/mutation/tests/
	cp pyproject.toml .local/mutation/
	cd .local/mutation && OMP_NUM_THREADS=1 $(CURDIR)/$(BIN)/mutmut run && $(CURDIR)/$(BIN)/mutmut results

requirements: ## Resolve pyproject.toml anew into the hashed requirements files
	uv pip compile pyproject.toml --python-version 3.11 --generate-hashes --no-header --no-annotate --upgrade -q -o requirements.txt
	uv pip compile pyproject.toml --group dev -c requirements.txt --python-version 3.11 --generate-hashes --no-header --no-annotate --upgrade -q -o requirements-dev.txt

pictures: setup ## Take the README's pictures of the demo's pages, with Chromium
	$(BIN)/python docs/images/make.py .local/reports dispatch_ranking

# uv installs faster; pip where uv cannot be had. What is installed is compiled at once, as pip does it: where Python may not write
# beside it, every process would compile it anew. The files name every package, one asks for versions that we override, and pip, told of
# hashes, trips over extras: --no-deps.
.venv/installed: requirements-dev.txt pyproject.toml
	@echo "Making the environment in .venv …"
	@test -n "$(PYTHON)" || { echo "Splitmile needs Python 3.11; name it with: make PYTHON=/path/to/python3.11"; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@command -v uv >/dev/null 2>&1 || test -x $(BIN)/uv || $(BIN)/python -m pip install --quiet --disable-pip-version-check uv || true
	@uv="$$(command -v uv || true)"; if [ -x $(BIN)/uv ]; then uv=$(BIN)/uv; fi; \
	if [ -n "$$uv" ] && "$$uv" --version >/dev/null 2>&1; then \
		"$$uv" pip install --quiet --compile-bytecode --python $(BIN)/python --no-deps --require-hashes -r requirements-dev.txt; \
		"$$uv" pip install --quiet --python $(BIN)/python --no-deps --editable .; \
	else \
		$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements-dev.txt; \
		$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --editable .; \
	fi
	@touch $@
