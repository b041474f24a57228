# make lab    installs everything into .venv and opens chapter 1
# make studio the studio as an app
# make book   the chapters as web pages, to read and print without internet
# make class  the exercises for students, and their solutions
# make test   lint, unit tests, architecture, notebooks
PYTHON ?= python3
TORCH_INDEX ?=
LOCK ?=
WORKERS ?= 2  # processes of one thread each that run the tests
BIN := .venv/bin
PINNED := $(if $(LOCK),--constraint $(LOCK))
NOTEBOOKS := $(sort $(wildcard notebooks/*.ipynb))
PYTEST := OMP_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses=$(strip $(WORKERS))
UPLOADS := --ServerApp.tornado_settings='{"websocket_max_message_size": 104857600}'
ROOT_FLAG := $(shell [ "$$(id -u)" = 0 ] && echo --allow-root)

.PHONY: help lab studio book class points test notebooks paintings benchmark wheel bundle lock grading clean

help:  ## list the commands
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 14

lab: .venv/ready  ## open the chapters in JupyterLab (installs first)
	$(BIN)/jupyter lab $(ROOT_FLAG) $(UPLOADS) --LabApp.default_url=/lab/tree/notebooks/01_content_reconstruction.ipynb

studio: .venv/ready  ## open the studio as an app, without code
	$(BIN)/voila notebooks/studio.ipynb

book: .venv/ready  ## build the chapters as a book of web pages: build/book/index.html
	$(BIN)/python -m book

class: .venv/ready  ## write the exercises for students, and their solutions
	$(BIN)/python -m grading.handout

points: .venv/ready  ## points for what is handed in: make points FROM=FOLDER
	$(if $(FROM),,$(error which folder? make points FROM=FOLDER))
	$(BIN)/python -m grading.points "$(FROM)"

test: .venv/ready  ## lint, unit tests, architecture, notebooks
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(PYTEST) --dist=worksteal tests
	$(PYTEST) --dist=loadfile --no-loadscope-reorder --nbval --nbval-current-env --nbval-cell-timeout=300 $(NOTEBOOKS)

notebooks: .venv/ready  ## run every notebook and save it clean, with its outputs
	$(BIN)/python notebooks/save.py $(NOTEBOOKS)

paintings: .venv/ready  ## paint the pictures in data/ again
	$(BIN)/python -m data.paint

benchmark: .venv/ready  ## measure the figures of the README
	$(BIN)/python -m benchmarks.optimizers
	$(BIN)/python -m benchmarks.speed
	$(BIN)/python -m benchmarks.live
	$(BIN)/python -m benchmarks.networks
	$(BIN)/python -m benchmarks.scales
	$(BIN)/python -m benchmarks.one_pass

wheel: .venv/ready  ## build the wheel into dist/
	$(BIN)/python -m build --wheel

bundle: .venv/ready  ## put all that a room without a network needs into build/bundle
	$(BIN)/python -m bundle

lock: .venv/ready  ## write requirements.lock from what is installed
	$(BIN)/python -m bundle.lock

grading: .venv/ready  ## hand out, hand in and grade with nbgrader and otter-grader
	$(BIN)/python -m grading.nbgrader_recipe
	$(BIN)/python -m grading.otter_recipe

clean:  ## remove the environment and what was built
	rm -rf .venv build dist

.venv/ready: pyproject.toml
	@$(PYTHON) -c "import sys; sys.exit(sys.version_info < (3, 11))" \
	  || { echo "nstlib needs Python 3.11 or newer; try: make lab PYTHON=python3.12"; exit 1; }
	$(PYTHON) -m venv .venv
	$(if $(TORCH_INDEX),$(BIN)/pip install --index-url $(TORCH_INDEX) $(PINNED) torch torchvision)
	$(BIN)/pip install $(PINNED) --editable ".[test]"
	touch $@
