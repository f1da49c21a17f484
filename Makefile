# Two commands do all the set-up:  make demo  and  make test
PYTHON ?= python3
BIN := .venv/bin

.venv/installed: pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --upgrade pip
	# torch and torchvision on one line, or pip replaces torch by a build of several GB.
	$(BIN)/python -m pip install --quiet "torch==2.13.0" "torchvision>=0.28,<0.29"
	$(BIN)/python -m pip install --quiet -e ".[dev]"
	touch $@

.PHONY: install demo test lint clean
install: .venv/installed

demo: install
	$(BIN)/redact demo demo --force

test: install
	$(BIN)/python -m pytest

lint: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

clean:
	rm -rf .venv demo
