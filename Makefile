# Nothing but Python >= 3.11 and make is needed. Works with GNU make 3.81 and newer.

PORT ?= 8600
ARGS ?=
VENV := .venv
BIN := $(VENV)/bin
IS_NEW_ENOUGH := import sys; sys.exit(sys.version_info < (3, 11))
PYTHON ?= $(shell for python in python3 python3.14 python3.13 python3.12 python3.11; do \
	if $$python -c '$(IS_NEW_ENOUGH)' 2>/dev/null; then echo $$python; exit; fi; done; echo python3)

.PHONY: help install demo test check faults faults-full bench-ui bench-evidence screenshots \
	clean

help:
	@echo "make demo [PORT=8600]  install what is missing and run the demo; Ctrl-C stops it"
	@echo "make install           create $(VENV) with what running needs"
	@echo "make test              run the tests"
	@echo "make check             format, lint, types, imports, size limits"
	@echo "make faults            break it on purpose for some minutes and count what went wrong"
	@echo "make faults-full       the same at length: thousands of kills"
	@echo "make bench-ui          measure the queue page with 10,000 cards waiting, a million runs behind"
	@echo "make bench-evidence    measure every statistical promise on public data (GREENLIGHT_REALDATA)"
	@echo "make screenshots       photograph the dashboard on your data into docs/screenshots"
	@echo "make clean             remove $(VENV) and caches; your data in .greenlight stays"

install: $(VENV)/.installed

# One dot every two seconds, so that a slow network does not look like a hang. Bytecode is compiled
# afterwards on all cores, which pip does on one; a file that cannot be compiled is no failure.
define pip_install
@printf '%s' "Installing $(1) into $(VENV), once "; \
(while sleep 2; do printf .; done) & dots=$$!; trap 'kill $$dots 2>/dev/null' EXIT; \
$(BIN)/python -m pip install -qq --no-compile --disable-pip-version-check \
	-c constraints.txt -e '$(2)' && \
{ $(BIN)/python -m compileall -qq -j 0 -x '/tests/' $(VENV)/lib >/dev/null || true; } && \
echo " done"
@touch $@
endef

$(BIN)/python:
	@$(PYTHON) -c '$(IS_NEW_ENOUGH)' 2>/dev/null || { \
		echo "Greenlight needs Python 3.11 or newer, and '$(PYTHON)' is not." \
		"Install one, or name it: make PYTHON=/path/to/python3.12" >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); exit 1; }

$(VENV)/.installed: pyproject.toml constraints.txt | $(BIN)/python
	$(call pip_install,Greenlight,.)

$(VENV)/.installed-test: $(VENV)/.installed
	$(call pip_install,the test tools,.[test])

demo: $(VENV)/.installed
	@$(BIN)/greenlight demo --port $(PORT) $(ARGS)

# The browser tests run by themselves: their driver keeps an event loop running in its thread.
test: $(VENV)/.installed-test
	@$(BIN)/python -m pytest -n auto --dist worksteal --ignore=tests/e2e $(ARGS)
	@$(BIN)/python -m pytest tests/e2e $(ARGS)

check: $(VENV)/.installed-test
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/python .ci/limits.py

faults: $(VENV)/.installed-test
	@PYTHONPATH=tests $(BIN)/python -m bench.faults $(ARGS)

faults-full: $(VENV)/.installed-test
	@PYTHONPATH=tests $(BIN)/python -m bench.faults --full $(ARGS)

bench-ui: $(VENV)/.installed-test
	@PYTHONPATH=tests $(BIN)/python -m bench.ui $(ARGS)

bench-evidence: $(VENV)/.installed-test
	@OPENBLAS_NUM_THREADS=1 OMP_NUM_THREADS=1 PYTHONPATH=tests $(BIN)/python -m bench.evidence $(ARGS)

screenshots: $(VENV)/.installed-test
	@$(BIN)/python tests/bench/screenshots.py $(ARGS)

clean:
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .import_linter_cache build *.egg-info
	find store agents dashboard tests -name __pycache__ -type d -prune -exec rm -rf {} +
