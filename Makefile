# The commands of this repository; `make` alone lists them. Everything is installed in .venv, nothing elsewhere.

SHELL := /bin/sh
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

# A bare environment (`env -i`) is enough: French text in UTF-8, and the folder where Debian keeps useradd.
export LC_ALL := C.UTF-8
export PYTHONUTF8 := 1
export PATH := $(PATH):/usr/sbin:/sbin
export PIP_DISABLE_PIP_VERSION_CHECK := 1
export PIP_USER := 0
unexport PYTHONPATH PYTHONHOME VIRTUAL_ENV

BIN := .venv/bin
WORKERS ?= 2
ARGS ?=
CHECKS := check-lint check-format check-types check-imports check-templates check-dependencies check-tests check-reference

.PHONY: help demo test check bench format reference lighthouse screenshots lock clean run-environment dev-environment $(CHECKS)

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-11s %s\n", $$1, $$2}' Makefile

demo: run-environment ## the whole demo on loopback: http://127.0.0.1:8000 to 8002, mailbox on 8025; Ctrl-C stops it
	@exec $(BIN)/parvis demo $(ARGS)

test: dev-environment ## the whole test suite, with a real PostgreSQL, Valkey, mail server and Chromium
	@tools/system.sh
	@exec $(BIN)/python -m pytest -n $(WORKERS) $(ARGS)

check: dev-environment ## lint, format, types, import contracts and fast tests, in under a minute
	@$(MAKE) --keep-going --jobs=$(WORKERS) --output-sync=target $(CHECKS)
	@echo "make check: all is well"

bench: dev-environment ## how long answers take for who is known and who is not: ten minutes
	@exec $(BIN)/python -m bench.enumeration

format: dev-environment ## mend what can be mended by itself: format, import order, small rules
	@$(BIN)/ruff check --quiet --fix-only .
	@$(BIN)/ruff format --quiet .

reference: dev-environment ## write the generated references and config/parvis.toml
	@$(BIN)/python -m tools.make_reference

lighthouse: dev-environment ## what Lighthouse (by npm) gives the main pages on a phone: 100, 100, and 98 for performance
	@exec $(BIN)/python -m tools.measure_pages

screenshots: dev-environment ## a picture of every page in every state, in docs/images (ARGS="connexion code": only these)
	@exec $(BIN)/python -m tools.make_pictures $(ARGS)

lock: ## pin the requirements again with uv (make lock ARGS=--upgrade takes newer versions)
	@tools/lock.sh $(ARGS)

clean: ## remove the environment, caches and what the demo wrote
	rm -rf .venv var/demo var/lock tests/interop/node/node_modules tools/lighthouse/node_modules .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache build dist
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

run-environment:
	@tools/bootstrap.sh run

dev-environment:
	@tools/bootstrap.sh dev

check-lint:
	@$(BIN)/ruff check --quiet --output-format=concise .

check-format:
	@$(BIN)/ruff format --check --output-format=concise . || { echo "make format mends this"; exit 1; }

check-types:
	@$(BIN)/mypy --strict idp examples

check-imports:
	@$(BIN)/lint-imports

check-templates:
	@$(BIN)/djlint idp examples --lint --quiet

check-dependencies:
	@$(BIN)/deptry .

check-reference:
	@$(BIN)/python -m tools.make_reference --check

check-tests:
	@$(BIN)/python -m pytest -q -n $(WORKERS) -m "not slow and not postgres" tests/unit tests/architecture
