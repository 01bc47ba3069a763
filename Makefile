# `make demo` and `make test` need only Python 3.11+ and a C compiler: they make their own .venv
# and are quick when nothing changed.

PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready

SECONDS ?= 3600

.PHONY: demo test test-all soak bench report lint types format clean

demo: $(READY)
	$(BIN)/trove demo

test: $(READY)
	$(BIN)/python -m pytest -n auto --dist loadscope -m "not slow"

test-all: $(READY)
	$(BIN)/python -m pytest -n auto --dist loadscope

soak: $(READY)
	PYTHONPATH=tests $(BIN)/python -m stress.soak --seconds $(SECONDS) --out .soak

lint: $(READY)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

types: $(READY)
	$(BIN)/mypy

format: $(READY)
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(READY)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable ".[dev,bench]"
	mkdir -p .benchmarks
	$(BIN)/python -m pytest benches --benchmark-only --benchmark-json=.benchmarks/results.json

report: bench
	$(BIN)/python -m benches.figures --json .benchmarks/figures.json
	$(BIN)/python -m benches.scale --json .benchmarks/scale.json
	$(BIN)/python -m benches.report .benchmarks/results.json \
		--figures .benchmarks/figures.json --scale .benchmarks/scale.json

clean:
	rm -rf .venv build dist src/*.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis .soak

$(READY): pyproject.toml setup.cfg setup.py $(wildcard src/_engine/*.pyx src/_engine/*.pxd src/_engine/*.h)
	test -x $(BIN)/python || PYTHON="$(PYTHON)" sh .ci/venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable ".[dev]"
	touch $@
