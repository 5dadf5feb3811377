# Every target works as the first and only command on a fresh clone.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
DEMO_STAMP := $(VENV)/.installed-demo

export OMP_NUM_THREADS := 1
export OMP_WAIT_POLICY := PASSIVE
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.DEFAULT_GOAL := help
.PHONY: help demo test test-all lint types docs generate bench peers stress fuzz clean

help: ## List the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/'

define INSTALL
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "Python 3.11 or newer is needed, for example: make $(MAKECMDGOALS) PYTHON=python3.12" >&2; exit 1; }
	@echo "installing into $(VENV) (once)" >&2
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install -q -c constraints.txt --upgrade pip
	@$(BIN)/python -m pip install -q -c constraints.txt -e
endef

$(STAMP): pyproject.toml constraints.txt
	$(INSTALL) '.[all]' --group dev
	@touch $@ $(DEMO_STAMP)

# The demo needs neither torch nor what developers use: a minute less to wait.
$(DEMO_STAMP): pyproject.toml constraints.txt
	$(INSTALL) '.[ml,freqtrade]'
	@touch $@

demo: $(DEMO_STAMP) ## Run the whole pipeline on a synthetic market in ./demo-workspace
	@$(BIN)/crypto-team demo

lint: $(STAMP) ## Style, formatting, import directions, generated files
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports
	$(BIN)/python -m crypto_team.cli.generate --check

types: $(STAMP) ## mypy, strict
	$(BIN)/mypy

test: lint types ## Everything that CI checks
	@$(BIN)/crypto-team features warm --progress none
	$(BIN)/python -m pytest -q -n auto --dist loadfile -m 'not slow'

test-all: lint types ## The same and the slow tests
	@$(BIN)/crypto-team features warm --progress none
	$(BIN)/python -m pytest -q -n auto --dist loadfile

generate: $(STAMP) ## Write the command index, docs/reference and schemas/
	$(BIN)/python -m crypto_team.cli.generate

docs: generate ## The same: all generated documentation

bench: $(STAMP) ## Measure what docs/architecture.md promises
	@$(BIN)/python -m pip install -q -c constraints.txt --group bench
	@for file in $(filter-out benchmarks/bench_peers.py,$(wildcard benchmarks/bench_*.py)); do \
	  echo "== $$file"; $(BIN)/python $$file || exit 1; done

peers: $(STAMP) ## Judge the corpus beside other checkers, in an environment of their own; writes docs/comparison.md
	$(BIN)/python benchmarks/bench_peers.py

stress: $(STAMP) ## 16 processes write 200 times each over 4 worktrees and are killed at random; nothing may be lost
	$(BIN)/python benchmarks/stress_kb.py

fuzz: $(STAMP) ## Fuzz the YAML loader and every schema, a minute by coverage and some by structure
	@$(BIN)/python -m pip install -q -c constraints.txt --group fuzz
	FUZZ_EXAMPLES=200 $(BIN)/python -m pytest -q -n auto tests/fuzz tests/schemas
	$(BIN)/python -m tests.fuzz.run_atheris $(FUZZ)

clean: ## Remove what the targets made, except the virtual environment
	rm -rf demo-workspace dist build .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache .fuzz
