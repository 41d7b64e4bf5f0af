# Each target makes its prerequisites. `make` without a target lists them.
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

VENV ?= .venv
PYTHON ?=
ARGS ?=
EXTRAS ?=
LABELLED ?= ../shared/data
BIN := $(VENV)/bin
HEAVIER := browser chaos home_assistant packaging
SELECTED := not heavy and not slow
REQUIREMENTS := requirements

# The environment is the project's own: nothing of the user's Python settings leaks into it.
export PYTHONNOUSERSITE := 1
export PIP_USER := 0
export PIP_DISABLE_PIP_VERSION_CHECK := 1
unexport PYTHONPATH
unexport PYTHONHOME

.PHONY: help
help: ## List the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{ printf "  make %-14s %s\n", $$1, $$2 }'

.PHONY: run
run: $(VENV)/.run $(EXTRAS:%=$(VENV)/.extra-%) ## Run the agent; without a broker: a demo. EXTRAS="edgetpu gpu openvino blazeface mediapipe rtsp" adds detectors and RTSP cameras
	@$(BIN)/edge-agent run $(ARGS)

.PHONY: test
test: mosquitto ## Run the tests in parallel. ARGS is passed to pytest
	@$(BIN)/pytest --numprocesses 6 --dist worksteal -m "$(SELECTED)" $(HEAVIER:%=--ignore tests/%) $(ARGS)

.PHONY: cases
cases: mosquitto ## Run the reliability cases: kills, hangs, floods, broker failures; ten minutes
	@$(BIN)/pytest tests/chaos --numprocesses 3 --dist worksteal $(ARGS)

.PHONY: browser
browser: mosquitto ## Open the status page in a real Chromium, as on a phone and a desktop; two minutes
	@$(BIN)/pytest tests/browser --numprocesses 2 $(ARGS)

.PHONY: home-assistant
home-assistant: mosquitto ## Run the agent with the real Home Assistant in the folder HA_INST; ten minutes
	@$(BIN)/pytest tests/home_assistant --numprocesses 3 --dist worksteal $(ARGS)

.PHONY: packaging
packaging: $(VENV)/.packaging ## Check the packaging: image, compose, Kubernetes, workflows, wheels; one minute
	@$(BIN)/pytest tests/packaging $(ARGS)

.PHONY: coverage
coverage: ARGS += --cov
coverage: SELECTED := not heavy
coverage: test ## Run these and the slower tests, and measure branch coverage, worker processes included

.PHONY: chaos
chaos: mosquitto ## Kill everything at random, amid faults of broker, line, kernel and disk. ARGS="--seconds 60 --seed 1" for less
	@$(BIN)/python -P -m tests.chaos.storm_command $(ARGS)

.PHONY: hostile
hostile: mosquitto ## Send an agent 100,000 hostile messages. ARGS="--messages 5000 --seed 2" for less
	@$(BIN)/python -P -m tests.chaos.hostile $(ARGS)

.PHONY: fuzz
fuzz: $(VENV)/.dev ## Fuzz the parsers, ten minutes each. ARGS="topic --seconds 30" for less
	@$(BIN)/python -P -m tests.fuzz $(ARGS)

.PHONY: lint
lint: $(VENV)/.dev ## Check style, format and import contracts
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/lint-imports

.PHONY: format
format: $(VENV)/.dev ## Format the code and apply safe fixes
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

.PHONY: types
types: $(VENV)/.dev ## Check the types
	@$(BIN)/mypy

.PHONY: bench
bench: mosquitto $(VENV)/.bench ## Measure everything against the limit and a naive pool; fifteen minutes. ARGS="press ring" for less
	@$(BIN)/python -P -m bench run $(ARGS)

.PHONY: bench-compare
bench-compare: $(VENV)/.bench ## Compare two results: ARGS="A.json B.json"
	@$(BIN)/python -P -m bench compare $(ARGS)

.PHONY: bench-doorbells
bench-doorbells: mosquitto ## Run 64 doorbells at one frame per second for ten minutes, and check the counters
	@$(BIN)/python -P -m bench doorbells $(ARGS)

.PHONY: accuracy
accuracy: $(VENV)/.dev ## Measure precision and recall on labelled images: LABELLED=folder
	@$(BIN)/python -P -m bench accuracy $(LABELLED) $(ARGS)

.PHONY: docs
docs: $(VENV)/.dev ## Generate docs/settings.md from the settings
	@$(BIN)/python docs/make_settings.py

.PHONY: lock
lock: ## Pin the requirements with hashes; needs uv. ARGS=--upgrade updates them
	@$(REQUIREMENTS)/lock $(ARGS)

.PHONY: wheels
wheels: $(VENV)/.dev ## Check that all pinned packages have wheels for x86_64 and aarch64
	@$(BIN)/python requirements/check_wheels.py $(ARGS)

.PHONY: dist
dist: $(VENV)/.run ## Build wheel and sdist, and the wheel of ha_discovery alone, into dist/
	@PYTHON=$(BIN)/python deploy/dist

.PHONY: app
app: dist ## Make dist/home_assistant_app, the app for Home Assistant. EXTRAS=edgetpu adds LiteRT, EXTRAS=openvino OpenVINO
	@PYTHON=$(BIN)/python EXTRAS="$(EXTRAS)" deploy/app

.PHONY: image
image: ## Build the container image with docker or buildah. ARGS="--platform linux/arm64" for a Pi, EXTRAS=edgetpu
	@EXTRAS="$(EXTRAS)" deploy/image $(ARGS)

.PHONY: audit
audit: $(VENV)/.dev ## Check the pinned packages: hashes, names, licences, vulnerabilities; write an SBOM to dist/
	@$(BIN)/python $(REQUIREMENTS)/audit.py

.PHONY: mosquitto
mosquitto: $(VENV)/.dev # the broker of the tests, where none is installed
	@tests/fetch_mosquitto $(VENV)

.PHONY: clean
clean: ## Remove the environment and all build outputs
	@rm -rf $(VENV) build dist htmlcov .coverage* .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	@find . -name __pycache__ -prune -exec rm -rf {} +

$(VENV)/.run: pyproject.toml $(REQUIREMENTS)/demo.txt $(REQUIREMENTS)/build.txt $(REQUIREMENTS)/install
	@PYTHON="$(PYTHON)" $(REQUIREMENTS)/install $(VENV) demo build
	@touch $@

$(VENV)/.extra-%: $(VENV)/.run $(REQUIREMENTS)/%.txt $(REQUIREMENTS)/add
	@echo "Adding $*, as requirements/$*.txt pins it ..."
	@$(REQUIREMENTS)/add $(VENV) $*
	@touch $@

$(VENV)/.dev: pyproject.toml $(REQUIREMENTS)/dev.txt $(REQUIREMENTS)/install
	@PYTHON="$(PYTHON)" $(REQUIREMENTS)/install $(VENV) dev
	@touch $@ $(VENV)/.run

$(VENV)/.packaging: $(VENV)/.dev $(REQUIREMENTS)/packaging.txt
	@PYTHON="$(PYTHON)" $(REQUIREMENTS)/install $(VENV) packaging
	@touch $@

$(VENV)/.bench: $(VENV)/.dev $(REQUIREMENTS)/bench.txt
	@PYTHON="$(PYTHON)" $(REQUIREMENTS)/install $(VENV) bench
	@touch $@
