SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.PHONY: help demo test faults check format lock clean

# make test PYTEST="-k local -x" WORKERS=0
WORKERS ?= 2
PYTEST ?=
BIN := .venv/bin
# Kernels are compiled once, about a minute, and not by every process that a test starts at the same time.
WARM = $(BIN)/python -c 'from geocrew.worker.preload import preload; preload()'

help: ## print the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: ## run real jobs on real data, installing what is missing (GEOCREW_DATABASE_URL: a PostGIS of yours)
	@[[ -n "$${GEOCREW_DATABASE_URL:-}" ]] || scripts/install-postgis
	@scripts/make-venv
	@$(BIN)/geocrew demo

test: ## run all tests against a throw-away PostGIS
	@scripts/install-postgis
	@scripts/install-systemd
	@scripts/make-venv dev
	@$(WARM)
	@$(BIN)/python -m pytest -n $(WORKERS) $(PYTEST)

# make faults FAULTS_SEED=7 replays a run; its history is in .faults/
faults: export FAULTS_JOBS ?= 4000
faults: export FAULTS_EVENTS ?= 1000
faults: ## run the fault table's tests with a long history: thousands of jobs under a seeded nemesis
	@scripts/install-postgis
	@scripts/make-venv dev
	@$(WARM)
	@$(BIN)/python -m pytest tests/faults -o faulthandler_timeout=7200 $(PYTEST)

check: ## formatting, lint, types, import contracts
	@scripts/make-venv dev
	@$(BIN)/ruff format --check
	@$(BIN)/ruff check
	@$(BIN)/mypy
	@$(BIN)/lint-imports

format: ## rewrite the sources in the project's format
	@scripts/make-venv dev
	@$(BIN)/ruff format
	@$(BIN)/ruff check --fix

# make lock UPGRADE=--upgrade takes newer versions; without it only what pyproject.toml demands changes.
UPGRADE ?=
COMPILE := .venv-tools/bin/uv pip compile --quiet pyproject.toml --extra build --universal --python-version 3.11 \
  --generate-hashes --no-emit-index-url --no-emit-find-links --custom-compile-command "make lock" $(UPGRADE)

lock: .venv-tools/bin/uv ## write requirements.lock and requirements-dev.lock from pyproject.toml
	@$(COMPILE) --output-file requirements.lock
	@$(COMPILE) --extra dev --constraint requirements.lock --output-file requirements-dev.lock

.venv-tools/bin/uv:
	@python3 -m venv .venv-tools
	@.venv-tools/bin/python -m pip --disable-pip-version-check install --quiet uv

clean: ## remove what make made in this clone; the database stays
	@rm -rf .venv .venv-tools build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache
	@find src tests -name __pycache__ -type d -prune -exec rm -rf {} +
