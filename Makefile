# `make search` and `make test` need Linux, Python 3.11 or newer, and a package index; nothing else.
PYTHON ?= python3
BIN := .venv/bin
BUDGET ?= 300M-flops
SPACE ?= igcv3
MINUTES ?= 30
SEED ?= 0
INSTALLED := .venv/.installed

.PHONY: search test slow check faults soak install clean

search: install  ## search, report and export on embedded data
	$(BIN)/nas search --space $(SPACE) --budget $(BUDGET)

test: install  ## run the tests that need neither a GPU nor much time
	$(BIN)/pytest -n 2 --dist loadfile --no-loadscope-reorder -m "not slow and not gpu"

slow: install  ## run the tests that take long and are left out of `make test`
	$(BIN)/pytest -n 2 --dist loadfile --no-loadscope-reorder -m "slow and not gpu"

check: install  ## format, lint, types, import contracts
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

faults: install  ## run the tests of the table of faults, and write docs/reliability.md
	mkdir -p build
	-$(BIN)/pytest -n 2 --dist loadfile --no-loadscope-reorder --junitxml build/faults.xml \
	  $$($(BIN)/python -m tests.faults.listed)
	$(BIN)/python docs/make_reliability.py build/faults.xml

SOAK = $(BIN)/python -m tests.faults.soak --minutes $(MINUTES) --seed $(SEED)
soak: faults  ## then inject random faults for MINUTES, on both databases at once
	rm -f build/sqlite.json build/postgresql.json
	-$(SOAK) --db postgresql --out build/postgresql.json & $(SOAK) --out build/sqlite.json; wait
	$(BIN)/python docs/make_reliability.py $$(ls build/sqlite.json build/postgresql.json)

install: $(INSTALLED)

# pip is looked for, not python: an environment whose making was cut short has only the latter.
$(INSTALLED): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "$(PYTHON) is missing or older than Python 3.11." >&2; \
	  echo "Name another one: make PYTHON=python3.12 $(MAKECMDGOALS)" >&2; exit 1; }
	test -x $(BIN)/pip || $(PYTHON) -m venv .venv
	@echo "installing into .venv: 7 GB, most of it PyTorch; this takes some minutes"
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile -c constraints.txt -e '.[dev]'
	@# pip compiles with one core. Some packages contain files of Python 2, which do not compile.
	@$(BIN)/python -m compileall -qq -j 0 .venv/lib || true
	touch $@

clean:
	rm -rf .venv build dist *.egg-info
