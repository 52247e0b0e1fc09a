# Everything a contributor or an operator's first look needs. `make` alone prints the list.
# Nothing but a Python of 3.11 or newer is expected: the targets set up the rest in .venv.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

# The first of these that is new enough; `make PYTHON=...` names another.
PYTHON ?= $(shell for name in python3 python3.14 python3.13 python3.12 python3.11; do \
	$$name -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$name && exit; done; echo python3)
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
DEMO := $(VENV)/.demo
UV_LOCK := $(BIN)/uv pip compile --system-certs --quiet --upgrade --universal --python-version 3.11 --generate-hashes \
	--no-header --no-emit-index-url

.PHONY: help
help: ## Print this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

.PHONY: run
run: $(READY) ## Start database, server and a sample program; prints the first key
	@exec $(BIN)/guerdon run

.PHONY: demo
demo: $(DEMO) ## Load a real year of a grocery's baskets, and show what to ask of it
	@exec $(BIN)/guerdon demo

.PHONY: test
test: $(READY) static browser rabbit ## Everything CI runs: lint, format, types, layers, all tests
	@$(BIN)/python -m pytest -q -n 2

.PHONY: check
check: $(READY) static ## The fast half of `make test`: no database
	@$(BIN)/python -m pytest -q -m "not slow" tests/domain tests/test_tidy.py

.PHONY: lint
lint: $(READY) static ## Lint, format, types and layers, without tests

.PHONY: static
static: $(READY)
	@$(BIN)/ruff check --quiet
	@$(BIN)/ruff format --check --quiet || { echo "Run 'make format' to format the files."; exit 1; }
	@$(BIN)/mypy --no-error-summary
	@$(BIN)/lint-imports --verbose >$(VENV)/layers.log 2>&1 || { cat $(VENV)/layers.log; exit 1; }

# The console's tests need a Chromium: Playwright's own, or the system's. Neither is left out in silence.
.PHONY: browser
browser: $(READY) ## Find or install a Chromium for the console's tests
	-@$(BIN)/python -m tests.console.chromium

# Of the brokers only this one is in no wheel.
.PHONY: rabbit
rabbit: $(READY) ## Find or install RabbitMQ for the bridge's tests
	-@$(BIN)/python -m tests.brokers.rabbit

.PHONY: format
format: $(READY) ## Format the files and mend what ruff can mend
	@$(BIN)/ruff check --quiet --fix-only
	@$(BIN)/ruff format --quiet

.PHONY: acceptance
acceptance: $(DEMO) ## Acceptance run over a folder of scenarios: make acceptance DATA=folder
	@$(BIN)/python -m tests.acceptance --journey $(DATA)

.PHONY: bench
bench: $(READY) ## Benchmarks, in minutes: make bench FIGURES="commands_inproc http_single" for some of them
	@$(BIN)/python -m benchmarks $(FIGURES)

.PHONY: bench-full
bench-full: $(READY) ## All benchmarks, in hours: with a log of ten million entries
	@$(BIN)/python -m benchmarks --full $(FIGURES)

.PHONY: simulate
simulate: $(READY) ## Random lives over the whole application, of one seed: make simulate SEED=7 STEPS=3000
	@$(BIN)/python -m tests.simulation $(or $(SEED),1) $(or $(STEPS),3000)

# Each mutant is a run of pytest: without plugins that its tests do not need, most take half the time.
.PHONY: mutants
mutants: export PYTEST_ADDOPTS = $(addprefix -p no:,xdist schemathesis syrupy faker threadexception faulthandler)
mutants: $(READY) ## Does a test fail when the domain is changed? make mutants OF="domain.member.wallet*"
	@$(BIN)/mutmut run "$(or $(OF),domain.member.wallet*)" >$(VENV)/mutants.log || { tail -20 $(VENV)/mutants.log; exit 1; }
	@$(BIN)/python -m tests.mutants

.PHONY: torture
torture: SEED ?= $(shell echo $$RANDOM)
torture: $(READY) ## Kill everything under load, and count: make torture SECONDS=120 SEED=7
	@echo "SEED=$(SEED)"
	@TORTURE_SEED=$(SEED) $(BIN)/python -m pytest -q -n 2 tests/torture --ignore tests/torture/test_evening.py
	@$(BIN)/python -m tests.torture $(or $(SECONDS),120) $(SEED)

.PHONY: stress
stress: SEED ?= $(shell echo $$RANDOM)
stress: $(READY) ## Everything at once on few members: no deadlock: make stress SECONDS=300 SEED=7
	@echo "SEED=$(SEED)"
	@$(BIN)/python -m tests.torture.stress $(or $(SECONDS),300) $(SEED)

.PHONY: lock
lock: $(READY) ## Renew requirements/*.txt from pyproject.toml
	@$(UV_LOCK) --output-file requirements/runtime.txt pyproject.toml
	@$(UV_LOCK) --extra otel --constraints requirements/runtime.txt --output-file requirements/otel.txt pyproject.toml
	@$(UV_LOCK) --extra cluster --constraints requirements/otel.txt --output-file requirements/cluster.txt pyproject.toml
	@$(UV_LOCK) --extra brokers --constraints requirements/runtime.txt --output-file requirements/brokers.txt pyproject.toml
	@$(UV_LOCK) --extra dev --constraints requirements/otel.txt --constraints requirements/cluster.txt \
		--constraints requirements/brokers.txt \
		--output-file requirements/dev.txt pyproject.toml
	@$(UV_LOCK) --extra demo --constraints requirements/dev.txt --output-file requirements/demo.txt pyproject.toml

.PHONY: clean
clean: ## Remove the virtual environment and all caches; keeps .data
	@rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache build dist
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

.PHONY: venv
venv: $(READY) ## Set up .venv, which all others do by themselves

# uv installs the lock ten times faster than pip, so pip only installs uv, from the same lock. Where
# uv cannot reach the packages (a mirror that only pip is configured for), pip does it all.
$(READY): requirements/dev.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
		echo "Guerdon needs Python 3.11 or newer; '$(PYTHON)' is $$($(PYTHON) --version 2>/dev/null || echo missing)." >&2; \
		echo "Name another one: make PYTHON=/path/to/python3.12 ..." >&2; exit 1; }
	@echo "Setting up $(VENV) ..."
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV) || { \
		echo "This Python cannot make virtual environments (on Debian and Ubuntu: apt install python3-venv)." >&2; \
		rm -rf $(VENV); exit 1; }
	@sed -n '/^uv==/,/# via/p' requirements/dev.txt >$(VENV)/uv.txt
	@export PIP_DISABLE_PIP_VERSION_CHECK=1; \
		$(BIN)/pip install --quiet --require-hashes --requirement $(VENV)/uv.txt 2>$(VENV)/install.log \
		&& $(BIN)/uv pip install --quiet --system-certs --python $(BIN)/python --require-hashes \
			--requirement requirements/dev.txt 2>>$(VENV)/install.log \
		|| $(BIN)/pip install --quiet --require-hashes --requirement requirements/dev.txt
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --offline --no-deps --no-build-isolation --editable .
	@touch $@

# What only the demonstration needs, on top. It is the largest part by far, so nobody gets it unasked.
$(DEMO): $(READY) requirements/demo.txt
	@echo "Adding the data of the demonstration to $(VENV) (about 360 MB) ..."
	@$(BIN)/uv pip install --quiet --system-certs --python $(BIN)/python --require-hashes \
			--requirement requirements/demo.txt 2>$(VENV)/install.log \
		|| $(BIN)/pip install --quiet --disable-pip-version-check --require-hashes --requirement requirements/demo.txt
	@touch $@
