# `make serve` is all that a new user needs. ARGS passes flags on: make serve ARGS="--gateway-port 9000"
PYTHONS ?= python3.11 python3.12 python3 python
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check
ARGS ?=

.PHONY: help serve demo reload export score report train test test-containers perf bench lint format clean
.DEFAULT_GOAL := help

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1#\2/p' $(MAKEFILE_LIST) | column -s '#' -t 2>/dev/null || grep '##' $(MAKEFILE_LIST)

serve: $(VENV)/.serve ## start Triton and the gateway, and open http://127.0.0.1:8080
	@exec "$$PWD/$(BIN)/python" -m serving $(ARGS)

demo: $(VENV)/.serve $(VENV)/.score ## serve, score the sample photos, write their report, and print where it all is
	@exec $(BIN)/python -m examples.demo $(ARGS)

reload: ## have the running service take up new and changed models
	@here=$$(printf %s "$$PWD/$(BIN)/python" | sed 's/[][\.*^$$+?(){}|]/\\&/g'); \
	pkill -HUP -f "^$$here -m serving" || { echo 'No service runs from here: start it with `make serve`.' >&2; exit 1; }; \
	echo 'Asked the service to reload: in some seconds its log says "serving: reloaded ...", or why not.'

# What only looks at the repository needs no training framework.
export: $(VENV)/$(if $(filter list check remove --list --check --remove,$(ARGS)),.onnx,.export) ## turn the checkpoints of models.toml into the model repositories
	@exec $(BIN)/python -m export $(ARGS)

score: $(VENV)/.score ## score photos in bulk: make score ARGS="photos --out scores"
	@exec $(BIN)/python -m scoring $(ARGS)

report: $(VENV)/.score ## what is in scored photos, as one HTML page: make report ARGS="scores"
	@exec $(BIN)/python -m report $(ARGS)

train: $(VENV)/.test ## make the bundled checkpoints again: make train ARGS="--data FOLDER"
	@exec $(BIN)/python -m zoo.train $(ARGS)

test: $(VENV)/.test $(VENV)/.perf ## run all tests, against the real server
	$(BIN)/python -m pytest -n 2 --dist loadfile $(ARGS)

test-containers: $(VENV)/.test ## build the embedded image and try it, where a Docker engine is or can be started
	$(BIN)/python -m pytest -m containers tests/containers $(ARGS)

perf: $(VENV)/.serve $(VENV)/.perf ## measure with NVIDIA's perf_analyzer and real photos
	@exec $(BIN)/python -m bench.perf $(ARGS)

bench: $(VENV)/.bench $(VENV)/.perf ## measure the service against the machine's limit and against other servers
	@exec $(BIN)/python -m bench $(ARGS)

lint: $(VENV)/.test ## check formatting, lint and types
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

format: $(VENV)/.test ## format the code
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

clean: ## remove the virtual environment and all caches
	rm -rf $(VENV) .pytest_cache .ruff_cache .mypy_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

define WAYS
No Python here can run the service; it needs 3.11 or 3.12. There are three ways to one:
  uv             brings its own: pip install uv (or https://docs.astral.sh/uv), then make again
  distribution   Debian 12: apt-get install python3.11-venv libpython3.11
                 Ubuntu 24.04: apt-get install python3.12-venv libpython3.12
  image          the containers bring theirs: docker-compose.yml
What is here:
endef
export WAYS

# The first interpreter that can serve, else one that uv brings; if there is none, the ways to one and what is lacking.
$(VENV)/.python:
	@if [ -x $(BIN)/python ] && $(BIN)/python -m serving.interpreter; then touch $@; exit; fi; \
	for python in $(PYTHONS); do \
	  command -v $$python >/dev/null && $$python -c '' 2>/dev/null || continue; \
	  if reason=$$($$python -m serving.interpreter 2>&1); then \
	    echo "Using $$($$python --version) in $(VENV)"; \
	    $$python -m venv $(VENV) && touch $@; exit; \
	  fi; \
	  reasons="$$reasons$$python: $$reason\n"; \
	done; \
	if command -v uv >/dev/null && uv venv --quiet --seed --python 3.12 $(VENV) && $(BIN)/python -m serving.interpreter; then \
	  echo "Using uv's $$($(BIN)/python --version) in $(VENV)"; touch $@; exit; \
	fi; \
	printf '%s\n%b' "$$WAYS" "$$reasons" >&2; exit 1

$(VENV)/.serve: requirements/serve.txt requirements/gateway.txt | $(VENV)/.python
	@echo "Installing $< (the Triton server and the gateway, 150 MB to download, 500 MB on disk; once)"
	@$(PIP) -r $< && touch $@

$(VENV)/.bench: requirements/bench.txt requirements/onnx.txt requirements/serve.txt requirements/gateway.txt requirements/scoring.txt | $(VENV)/.python
	@echo "Installing $< (the service and bulk scoring; other servers install into .bench/ as they are measured)"
	@$(PIP) -r $< && touch $@ $(VENV)/.serve

$(VENV)/.perf: requirements/perf.txt | $(VENV)/.python
	@echo "Installing $< (perf_analyzer, in a folder of its own)"
	@$(PIP) --no-deps --upgrade --target $(VENV)/perf -r $< && touch $@

$(VENV)/.onnx: requirements/onnx.txt requirements/serve.txt requirements/gateway.txt | $(VENV)/.python
	@echo "Installing $< (the service and the ONNX tools; once)"
	@$(PIP) -r $< && touch $@ $(VENV)/.serve

$(VENV)/.export: requirements/export.txt requirements/onnx.txt requirements/serve.txt requirements/gateway.txt | $(VENV)/.python
	@echo "Installing $< (the training frameworks; once)"
	@$(PIP) -r $< && touch $@ $(VENV)/.onnx $(VENV)/.serve

$(VENV)/.score: requirements/scoring.txt requirements/report.txt requirements/client.txt | $(VENV)/.python
	@echo "Installing $< and $(word 2,$^) (a gRPC client, Parquet and statistics; once)"
	@$(PIP) -r $< -r $(word 2,$^) && touch $@

$(VENV)/.test: requirements/test.txt requirements/export.txt requirements/onnx.txt requirements/train.txt requirements/serve.txt requirements/gateway.txt requirements/ray.txt requirements/scoring.txt requirements/report.txt requirements/tracing.txt | $(VENV)/.python
	@echo "Installing $< (the training frameworks and the test tools; once)"
	@$(PIP) -r $< && touch $@ $(VENV)/.export $(VENV)/.onnx $(VENV)/.serve $(VENV)/.score
