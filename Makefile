# Every target works on a machine that has only Python >= 3.11, make and a network.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.ready
N      ?=

.PHONY: demo test coverage sim crash fuzz bench lint docs clean help

help:          ## show this list
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

$(READY): requirements.lock pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or later is needed, this is " + sys.version) if sys.version_info < (3, 11) else None'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	touch $@

demo: $(READY) ## run the main job end to end on this machine, kill -9 in the middle, and check every order
	$(BIN)/python examples/orders/demo.py

test: $(READY) ## lint, types and every test
	$(BIN)/ruff check src tests bench examples
	$(BIN)/ruff format --check --quiet src tests bench examples
	$(BIN)/mypy
	$(BIN)/python -m pytest -n 2 --dist loadfile

coverage: $(READY) ## how much of core, wire and rules the tests reach; below 95 % it fails
	$(BIN)/coverage run -m pytest -q tests/unit/core tests/unit/wire tests/wire tests/properties \
	    tests/unit/services tests/unit/runtime
	$(BIN)/coverage report --fail-under 95 \
	    --include='src/redrive/core/*,src/redrive/wire/*,src/redrive/services/*/rules.py'

lint: $(READY) ## style and types only
	$(BIN)/ruff check src tests bench examples
	$(BIN)/ruff format --check src tests bench examples
	$(BIN)/mypy

sim: $(READY) ## N=1000 seeds of the simulator; prints the failing one
	$(BIN)/python -m redrive.sim --seeds $(or $(N),1000)

crash: $(READY) ## N=200 SIGKILLs of a loaded server; prints the failing seed
	$(BIN)/python -m tests.crash $(or $(N),200) $(if $(SEED),--seed $(SEED))

fuzz: $(READY) ## N=100000 mutated requests against the wire
	$(BIN)/python -m tests.fuzz $(or $(N),100000)

bench: $(READY) ## speed beside a bare server; PEERS=ministack adds that peer, QUICK=1 is shorter
	$(BIN)/python -m bench $(if $(PEERS),--peers $(PEERS)) $(if $(QUICK),--quick)

docs: $(READY) ## write docs/compat anew from the registry and the models
	$(BIN)/python -m tests.docs.compat

clean:         ## remove what was installed and built
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .hypothesis
