# `make search` and `make test` need Linux, Python 3.11 or newer, and a package index; nothing else.
PYTHON ?= python3
BIN := .venv/bin
BUDGET ?= 300M-flops
SPACE ?= igcv3
# The numerical libraries see one thread each: Ray places as many trials as there are cores.
INSTALLED := .venv/.installed

.PHONY: search test check install clean

search: install  ## search, report and export on embedded data
	$(BIN)/nas search --space $(SPACE) --budget $(BUDGET)

test: install  ## run the tests that need neither a GPU nor much time
	$(BIN)/pytest -m "not slow and not gpu"

check: install  ## format, lint, types, import contracts
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

install: $(INSTALLED)

$(INSTALLED): pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	touch $@

clean:
	rm -rf .venv build dist *.egg-info
