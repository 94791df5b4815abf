# A fresh machine needs python3 (3.11 or later) and make; everything else goes into .venv.
PYTHON      ?= python3
RECSYS_HOME ?= data
PYTEST      ?=
BIN         := .venv/bin
# what was installed from: a target runs pip only when one of these files has changed
LOCKED      := $(shell cat requirements.lock requirements-dev.lock requirements-torch.lock pyproject.toml | cksum | tr ' ' '-')
RUN_READY   := .venv/ready-to-run-$(LOCKED)
DEV_READY   := .venv/ready-to-develop-$(LOCKED)
PEERS_READY := .venv-peers/ready-$(shell cksum < benchmarks/peers.lock | tr ' ' '-')
TORCH_READY := .venv/ready-for-torch-$(LOCKED)
# the locks are complete, so pip need resolve nothing: 54 s where it took 140 s (`pip check` proves that they are)
PIP         := $(BIN)/python -m pip --quiet --quiet --disable-pip-version-check
PIP_INSTALL := $(PIP) install --no-deps --no-compile

override RECSYS_HOME := $(abspath $(RECSYS_HOME))
export RECSYS_HOME
export PATH := $(CURDIR)/.venv/bin:$(PATH)
export OMP_WAIT_POLICY               := passive# LightGBM's threads must not spin: measured 3.5 times slower on a shared core
export OPENBLAS_NUM_THREADS          := 2# as the command line sets it: the same bits whichever way a build starts
unexport PYTHONDONTWRITEBYTECODE# where it is set (containers do), each command would compile 6,000 modules anew: 9 s
export DO_NOT_TRACK                  := 1
export DAGSTER_DISABLE_TELEMETRY     := yes
export DBT_SEND_ANONYMOUS_USAGE_STATS := false

.DEFAULT_GOAL := help
.PHONY: help setup setup-dev setup-torch demo dev serve test test-slow bench bench-serve check check-deploy lint-sql lock clean

help: ## this list
	@sed -n 's/^\([a-z-]*\):[^#]*## /\1\t/p' $(MAKEFILE_LIST) | awk -F'\t' '{printf "make %-11s %s\n", $$1, $$2}'

setup: $(RUN_READY) ## .venv with what running needs
setup-dev: $(DEV_READY) ## ... and with what testing and checking need
setup-torch: $(TORCH_READY) ## ... and with PyTorch (a CPU build), for rating_network and sasrec

demo: $(RUN_READY) ## everything on real films: load 100,004 ratings, build, publish, and what to look at next
	$(BIN)/recsys sample movielens
	$(BIN)/recsys build
	$(BIN)/recsys tour

dev: $(RUN_READY) ## the Dagster UI at port 3000, with the project loaded
	@mkdir -p "$(RECSYS_HOME)/dagster" && cp dagster.yaml "$(RECSYS_HOME)/dagster/dagster.yaml"
	cd "$(RECSYS_HOME)/dagster" && DAGSTER_HOME="$$PWD" "$(CURDIR)/$(BIN)/dagster" dev --workspace "$(CURDIR)/workspace.yaml"

serve: $(RUN_READY) ## the API and its page over the published bundle, at port 8000; PORT=8001
	$(BIN)/recsys serve $(if $(PORT),--port $(PORT))

test: $(DEV_READY) ## the tests, the whole graph once among them; PYTEST="-k words" chooses
	$(BIN)/python -m pytest $(PYTEST)

test-slow: $(DEV_READY) ## the slow tests: browser, kills, the graph twice, the leak proof, dbt unit tests, real data
	$(BIN)/python -m pytest -m slow $(PYTEST)

bench: $(RUN_READY) $(PEERS_READY) ## this project and the peers on your data: DATA=folder [CUTS=2] [PEERS="popularity ..."]; docs/benchmarks.md
	@$(BIN)/python -m benchmarks.run $(BENCH) "$(or $(DATA),$(if $(BENCH),,$(error make bench DATA=folder: name a folder that `recsys load` takes)))" \
		$(if $(CUTS),--cuts $(CUTS)) $(if $(PEERS),--peers "$(PEERS)") $(if $(PROTOCOL),--protocol $(PROTOCOL)) $(if $(TABLE),--table "$(TABLE)")

bench-serve: $(RUN_READY) ## the service under a load that is stated, on a copy of the bundle in RECSYS_HOME; docs/benchmarks.md
	@$(BIN)/python -m benchmarks.serve "$(RECSYS_HOME)" $(BENCH)

check: $(DEV_READY) ## format, lint, types, layers, SQL, dbt, Dagster definitions
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/dbt parse --quiet --project-dir "$(CURDIR)/dbt_project" --profiles-dir "$(CURDIR)/dbt_project"
	$(MAKE) --no-print-directory lint-sql check-deploy
	$(BIN)/dagster definitions validate --workspace workspace.yaml

lint-sql: $(DEV_READY) ## the SQL part of check
	$(BIN)/sqlfluff lint --disable-progress-bar dbt_project/models dbt_project/tests/*.sql

check-deploy: $(DEV_READY) ## the part of check that looks at deploy/: image, compose file, Kubernetes manifests
	$(BIN)/hadolint deploy/Dockerfile
	$(BIN)/check-jsonschema --quiet --builtin-schema vendor.compose-spec deploy/compose.yaml
	$(BIN)/kubernetes-validate --quiet --strict --kubernetes-version 1.33 $(filter-out %-values.yaml,$(wildcard deploy/kubernetes/*.yaml))

lock: $(DEV_READY) ## newest versions that pyproject.toml allows, into the lock files
	$(BIN)/uv pip compile pyproject.toml --quiet --upgrade --universal --python-version 3.11 \
		--extra sample --extra redis --extra store --extra stream --extra traces --extra test --extra check --extra lock \
		--no-annotate --no-header --no-emit-index-url --no-emit-find-links --output-file requirements-dev.lock
	$(BIN)/uv pip compile pyproject.toml --quiet --upgrade --universal --python-version 3.11 --extra sample \
		--constraint requirements-dev.lock \
		--no-annotate --no-header --no-emit-index-url --no-emit-find-links --output-file requirements.lock
	$(BIN)/uv pip compile benchmarks/peers.in --quiet --upgrade --universal --python-version 3.11 \
		--no-annotate --no-header --no-emit-index-url --no-emit-find-links --output-file benchmarks/peers.lock
	$(BIN)/uv pip compile pyproject.toml --quiet --upgrade --universal --python-version 3.11 --extra torch \
		--constraint requirements-dev.lock --no-annotate --no-header --no-emit-index-url --no-emit-find-links \
		| grep -vE '^(nvidia|cuda|triton)' | grep -vxFf requirements.lock > requirements-torch.lock # a CPU build needs no GPU's

clean: ## remove .venv and caches; data stays
	rm -rf .venv .venv-peers .pytest_cache .ruff_cache .mypy_cache .hypothesis .import_linter_cache *.egg-info dbt_project/target dbt_project/logs

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "$(PYTHON) is older than Python 3.11: run make PYTHON=/path/to/a/newer/python3" >&2; exit 1; }
	@$(PYTHON) -m venv .venv || { rm -rf .venv; exit 1; }

$(RUN_READY): | .venv/bin/python
	@echo "Installing what running needs into .venv (about a minute, once)"
	@$(PIP_INSTALL) --requirement requirements.lock
	@$(PIP_INSTALL) --editable .
	@$(PIP) check
	@rm -f .venv/ready-to-run-* && touch $@

$(DEV_READY): $(RUN_READY)
	@echo "Installing what testing and checking need into .venv (about half a minute, once)"
	@$(PIP_INSTALL) --requirement requirements-dev.lock
	@$(PIP) check
	@rm -f .venv/ready-to-develop-* && touch $@

$(PEERS_READY):
	@echo "Installing the peers into .venv-peers (about a minute, once)"
	@$(PYTHON) -m venv .venv-peers || { rm -rf .venv-peers; exit 1; }
	@.venv-peers/bin/python -m pip --quiet --quiet --disable-pip-version-check install --no-deps --no-compile --requirement benchmarks/peers.lock
	@.venv-peers/bin/python -m pip --disable-pip-version-check --quiet check
	@rm -f .venv-peers/ready-* && touch $@

$(TORCH_READY): $(RUN_READY)
	@echo "Installing PyTorch into .venv (about half a minute, once)"
	@$(PIP_INSTALL) --requirement requirements-torch.lock
	@$(BIN)/python -c 'import torch' || { echo "This index serves a CUDA build of PyTorch: let PIP_INDEX_URL name one with CPU builds, remove torch and run make setup-torch again" >&2; exit 1; }
	@rm -f .venv/ready-for-torch-* && touch $@
