# Each target works on a fresh clone: it makes .venv first, if it is missing or out of date.
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready
# The wheels and tests must not depend on what a shell exports about bytecode.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: setup demo test ui

setup: $(READY)

$(READY): pyproject.toml constraints.txt $(wildcard plugins/*/pyproject.toml)
	@$(PYTHON) -c 'import sys; ok = (3, 11) <= sys.version_info[:2] <= (3, 13); \
	sys.exit(0 if ok else "error: labloom needs Python 3.11 to 3.13, and $(PYTHON) is " \
	+ sys.version.split()[0] + "\n  fix: make setup PYTHON=python3.12")'
	$(PYTHON) -m venv --clear .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv
	$(BIN)/python -m uv pip install --quiet --python $(BIN)/python --compile-bytecode \
	  --constraint constraints.txt --editable . $(patsubst %/,--editable %,$(dir $(wildcard plugins/*/pyproject.toml))) --group dev
	touch $(READY)

demo: $(READY)
	$(BIN)/labloom run -m experiment=vision_digits model=vision_mlp,vision_cnn optimizer.lr=3e-4,1e-3,3e-3,1e-2

test: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/python -m pytest -n logical --maxprocesses 4 --dist loadfile --no-loadscope-reorder

ui: $(READY)
	$(BIN)/labloom ui
