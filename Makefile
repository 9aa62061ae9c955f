# make run    sets everything up and runs vanish (ARGS="…" for another command line)
# make test   sets everything up and runs the tests that are quick, in three minutes (WORKERS=0 for one
#             after the other)
# make slow   runs the others, in a quarter of an hour
# make check  format, lint and types
# make fuzz   tries command lines and damaged files (LINES=20000 FILES=10000 SEED=0)
# make kills  kills sweeps and compares what they end with (COUNT=100 SEED=0)
# make signals  sends signals to all commands at random moments (COUNT=200 SEED=0)
# make corpus  compares all output with that of another copy (BEFORE=a worktree of an older commit)
# make bench  measures speed, side by side with PyTorch, JAX and others; takes an hour
#             (ONLY=peers for the tables whose title has that word)
# A second call installs nothing: each environment is renewed when pyproject.toml changes.

PYTHON ?= $(shell for python in python3 python3.13 python3.12 python3.11; do \
  $$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$python && break; done)
VENV ?= .venv
BIN := $(VENV)/bin
EXTRAS ?= dev
# A table, in a pipe too: what the program is for, not its columns.
ARGS ?= --layers 20 --act sigmoid --format table
# How many tests run at a time: one a processor; 0 is one after the other, here.
WORKERS ?= auto
PYTEST = $(BIN)/python -m pytest --numprocesses $(WORKERS) --dist worksteal
# How much `make fuzz` tries, and of what it draws: another seed, other lines.
LINES ?= 20000
FILES ?= 10000
SEED ?= 0

.PHONY: run test slow check format fuzz kills signals corpus bench clean

run: $(VENV)/.installed
	@$(BIN)/vanish $(ARGS)

test: $(VENV)/.installed-$(EXTRAS)
	$(PYTEST) -m "not slow"

slow: $(VENV)/.installed-$(EXTRAS)
	$(PYTEST) -m slow

check: $(VENV)/.installed-$(EXTRAS)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

format: $(VENV)/.installed-$(EXTRAS)
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

fuzz: $(VENV)/.installed-$(EXTRAS)
	$(BIN)/python tests/fuzz.py --lines $(LINES) --files $(FILES) --seed $(SEED)

kills: $(VENV)/.installed-$(EXTRAS)
	$(BIN)/python tests/kills.py $(or $(COUNT),100) $(SEED)

signals: $(VENV)/.installed-$(EXTRAS)
	$(BIN)/python tests/random_signals.py $(or $(COUNT),200) $(SEED)

corpus: $(VENV)/.installed-$(EXTRAS)
	$(BIN)/python tests/corpus.py $(BEFORE)

bench: $(VENV)/.installed-dev,bench .venv-tangents/.installed
	$(BIN)/python tests/benchmarks/run.py $(if $(ONLY),--only "$(ONLY)")

# neural-tangents needs a JAX of its own.
.venv-tangents/.installed: tests/benchmarks/tangents.txt
	@$(PYTHON) -m venv .venv-tangents
	@.venv-tangents/bin/python -m pip install -qq --disable-pip-version-check --requirement $< >&2
	@touch $@

clean:
	rm -rf $(VENV) .venv-* .mypy_cache .pytest_cache .ruff_cache .hypothesis

$(BIN)/python:
	@test -n "$(PYTHON)" || { echo "vanish needs Python 3.11 or newer" >&2; exit 1; }
	@echo "setting up $(VENV) …" >&2
	@$(PYTHON) -m venv $(VENV)

# An editable install leaves compiling to the first start, and where Python may not write
# bytecode to every start.
COMPILE = $(BIN)/python -m compileall -q vanish

$(VENV)/.installed: pyproject.toml | $(BIN)/python
	@$(BIN)/python -m pip install -qq --disable-pip-version-check --editable . >&2
	@$(COMPILE)
	@touch $@

$(VENV)/.installed-%: pyproject.toml | $(BIN)/python
	@$(BIN)/python -m pip install -qq --disable-pip-version-check --editable '.[$*]' >&2
	@$(COMPILE)
	@touch $@ $(VENV)/.installed
