# Each target sets up what it needs in .venv by itself; a stamp file remembers what is there.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
PIP    := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt
DATA   ?= data
PORT   ?= 8501

.DEFAULT_GOAL := help
.PHONY: help setup chat test check fix bench fuzz clean

help: ## Show the targets
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

# The light part: no torch, no model.
$(VENV)/.light: pyproject.toml constraints.txt | $(BIN)/python
	$(PIP) -e ".[app]"
	@touch $@

$(VENV)/.dev: pyproject.toml constraints.txt | $(BIN)/python
	$(PIP) -e ".[dev]"
	@touch $@ $(VENV)/.light

$(VENV)/.all: pyproject.toml constraints.txt | $(BIN)/python
	$(PIP) -e ".[all,dev]"
	@touch $@ $(VENV)/.dev $(VENV)/.light

setup: $(VENV)/.all ## Install everything into .venv
	@echo "Ready: $(BIN)/ragkit --help"

chat: $(VENV)/.light ## Index DATA (default: data) and open the chat on 127.0.0.1:PORT
	$(BIN)/ragkit index $(DATA)
	$(BIN)/ragkit chat $(DATA) --port $(PORT)

# Tests of models, stores and readers run on the real libraries, with tiny models that they make.
test: $(VENV)/.all ## Run the tests; installs Chromium where apt can
	@scripts/install_chromium.sh
	$(BIN)/python -m pytest $(PYTEST_ARGS)

check: $(VENV)/.dev ## Lint, format check, types, architecture, exports, README examples
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m pytest -q tests/test_architecture.py tests/test_exports.py tests/test_docs.py

fix: $(VENV)/.dev ## Format, and mend what the linter can
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(VENV)/.dev ## Measure indexing, retrieval and the one-off query
	@# The naive path's BM25 asks for an older PyStemmer than ours, and runs with ours.
	@$(PIP) --no-deps llama-index-retrievers-bm25==0.8.0 bm25s==0.3.16
	$(BIN)/python scripts/bench_index.py
	$(BIN)/python scripts/bench_query.py

fuzz: $(VENV)/.all ## Fuzz readers, splitter and encodings, FUZZ_SECONDS of CPU a target (TARGETS: all)
	@$(PIP) -e ".[fuzz]"
	nice -n 10 $(BIN)/python scripts/fuzz.py $(TARGETS) --seconds $(or $(FUZZ_SECONDS),60)

clean: ## Remove the environment and caches
	rm -rf $(VENV) build *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
