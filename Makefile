# LTX Recipes. `make help` lists the targets; each creates the environment if it is missing.
PYTHON ?= python3
MODEL ?= ltx-2.3-dev
DATA ?=
ARGS ?=
RUN ?=
VENV := .venv
PY := $(VENV)/bin/python
READY := $(VENV)/.ready
# `make train-ic-canny` trains recipes/ic_canny.yaml
TRAIN := $(patsubst recipes/%.yaml,train-%,$(subst _,-,$(filter-out %/demo.yaml,$(wildcard recipes/*.yaml))))
RECIPE = $(subst -,_,$*)
# what drawn clips are asked for, and the overlays of pico, whose clips are small and last a second
DRAWN = --mode $(RECIPE)
SIZES = pico_clips
train-style train-character train-motion train-audio-video: DRAWN = --concept $(RECIPE) --clips 24 --stills 0 --height 128 --frames 25
train-style train-character train-motion train-audio-video: SIZES =
train-text-to-audio train-audio-extend train-audio-inpaint train-audio-ic: SIZES = pico_sound
FITTING = $(if $(filter pico,$(MODEL)),$(SIZES) $(notdir $(basename $(wildcard recipes/overlays/pico_$(RECIPE).yaml))))
OVERLAYS = $(patsubst %,--config recipes/overlays/%.yaml,$(MODEL) $(FITTING))
# a process for each of two cores; tensors of tests are too small to share
TEST = OMP_NUM_THREADS=1 $(PY) -m pytest -q -n 2 --dist loadfile

.DEFAULT_GOAL := help
.PHONY: help setup ui demo quick test test-slow lint type $(TRAIN) evaluate tensorboard clean

help:  ## Show this help
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  %-18s %s\n", $$1, $$2}'
	@echo "train-RECIPE       Train a recipe: $(sort $(TRAIN:train-%=%))" | fold -s -w 98 | \
	  sed '1s/^/  /;2,$$s/^/                     /'
	@echo "  training: MODEL=pico|ltx-2.3-dev|ltx-2.3-dev-fp8  DATA=folder or manifest (pico draws one)  ARGS='--trainer.max_steps 1000'"

setup: $(READY)  ## Make .venv

$(READY): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(PY) -m pip install --quiet --disable-pip-version-check --upgrade pip
	$(PY) -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	@touch $@

ui: setup  ## Open the studio, a web page: make ui ARGS='--port 8000'; ARGS=--help lists the options
	$(PY) -m ui $(ARGS)

demo: setup  ## Clips to an exported LoRA on pico, end to end, in minutes on a CPU
	$(PY) -m datamodules.world demo/clips --concept style --clips 12 --stills 0 --frames 25
	$(PY) -m ltx_module check --config recipes/demo.yaml
	$(PY) -m ltx_module fit --config recipes/demo.yaml
	$(PY) -m ltx_module sample --config recipes/demo.yaml --sample.without_lora true
	$(PY) -m ltx_module export --config recipes/demo.yaml
	@run=$$(ls -td runs/demo-* | head -1); echo; \
	echo "clips and captions   demo/clips"; \
	echo "samples by step      $$run/samples/step_*/*.mp4"; \
	echo "with and without     $$run/samples/$$(basename $$(ls $$run/lora | tail -1) .safetensors)@1/*.mp4"; \
	echo "LoRA files           $$run/lora/*.safetensors"; \
	echo "ComfyUI package      $$run/export/"; \
	echo "curves               make tensorboard"

quick: setup  ## Lint, types and the fastest tests, about a minute
	$(PY) -m ruff check .
	$(PY) -m mypy
	$(PY) -m pytest -q -x -m "not slow and not browser and not gpu" tests/model tests/diffusion tests/adapters

test: setup  ## All tests but the slow ones, at most 8 minutes on two cores
	$(TEST) -m "not slow and not browser and not gpu"

test-slow: setup  ## The slow tests and those that need a browser
	$(TEST) -m "(slow or browser) and not gpu"

lint: setup  ## Check style and format
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .

type: setup  ## Check types
	$(PY) -m mypy

# samples.yaml beside the clips, if there is one, holds the prompts and their media
$(TRAIN): train-%: setup
ifeq ($(MODEL)$(DATA),pico)
	$(PY) -m datamodules.world demo/$(RECIPE) $(DRAWN)
endif
	@set="$(or $(DATA),$(if $(filter pico,$(MODEL)),demo,datasets)/$(RECIPE))"; \
	samples="$$set/samples.yaml"; test -d "$$set" || samples="$$(dirname "$$set")/samples.yaml"; \
	test -f "$$samples" || samples=; set -x; \
	$(PY) -m ltx_module fit --config recipes/$(RECIPE).yaml $(OVERLAYS) $${samples:+--config "$$samples"} \
	  --data.path "$$set" $(ARGS)

evaluate: setup  ## Say whether a run's LoRA is any good: make evaluate RUN=runs/style-1
	$(if $(RUN),,$(error RUN is empty: name a run, as in make evaluate RUN=runs/style-1))
	$(PY) -m ltx_module evaluate --config $(RUN)/recipe.yaml $(ARGS)

tensorboard: setup  ## Open TensorBoard on runs/
	$(VENV)/bin/tensorboard --logdir runs

clean:  ## Remove the environment and caches; runs/ and datasets/ stay
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis *.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
