# Every target works on a machine that has only Python >= 3.11, make and a network.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.ready
NATIVE := .native
N      ?=

# What pip install . makes: the hot modules compiled, where there is a C compiler (setup.py).
COMPILED_TESTS := tests/unit/shell tests/unit/wire tests/unit/services/test_dispatch.py \
    tests/unit/services/queues/test_queues_messages.py tests/server/test_server_http.py \
    tests/unit/services/queues/test_queues_records.py tests/unit/services/mappings/test_mappings_poller.py \
    tests/unit/services/mappings/test_mappings_fifo.py tests/unit/services/mappings/test_mappings_filters.py \
    tests/runtime/test_environments.py tests/server/test_server_clients.py tests/sim/test_sim_walk.py \
    tests/patterns/test_patterns_reference.py

.PHONY: demo test native compiled coverage sim sim-events crash storm powerloss scale fuzz patterns cron browser bench lint docs clean help

help:          ## show this list
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

$(READY): requirements.lock pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or later is needed, this is " + sys.version) if sys.version_info < (3, 11) else None'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	touch $@

$(NATIVE)/.ready: $(READY) setup.py $(shell find src -name '*.py' -o -name '*.sql' -o -name '*.json')
	rm -rf $(NATIVE) build
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation \
	    --target $(NATIVE) .
	touch $@

demo: $(READY) ## run the main job end to end on this machine, kill -9 in the middle, and check every order
	$(BIN)/python examples/orders/demo.py

test: $(READY) ## lint, types, every test, and those of the hot path once more on compiled modules
	$(BIN)/ruff check src tests bench examples setup.py
	$(BIN)/ruff format --check --quiet src tests bench examples setup.py
	$(BIN)/mypy
	$(MAKE) compiled
	$(BIN)/python -m pytest -n 2 --dist loadfile

native: $(NATIVE)/.ready ## compile the hot modules into .native, where there is a C compiler

compiled: $(NATIVE)/.ready ## the tests of the hot path, on the modules as `pip install .` compiles them
	@if ls $(NATIVE)/*__mypyc* >/dev/null 2>&1; then \
	    PYTHONPATH=$(CURDIR)/$(NATIVE) $(BIN)/python -m pytest -q -n 2 --dist loadfile $(COMPILED_TESTS); \
	else echo "no C compiler or no Python headers: nothing is compiled on this machine"; fi

coverage: $(READY) ## how much of core, wire and rules the tests reach; below 95 % it fails
	$(BIN)/coverage run -m pytest -q tests/unit/core tests/unit/wire tests/wire tests/properties \
	    tests/unit/services tests/unit/runtime
	$(BIN)/coverage report --fail-under 95 \
	    --include='src/redrive/core/*,src/redrive/wire/*,src/redrive/services/*/rules.py'

lint: $(READY) ## style and types only
	$(BIN)/ruff check src tests bench examples setup.py
	$(BIN)/ruff format --check src tests bench examples setup.py
	$(BIN)/mypy

sim: $(READY) ## N=1000 seeds of the simulator; prints the failing one
	$(BIN)/python -m redrive.sim --seeds $(or $(N),1000)

sim-events: $(READY) ## N=1000 seeds of rules, topics, schedules and pipes with targets that fail
	$(BIN)/python -m redrive.sim --events --seeds $(or $(N),1000)

crash: $(READY) ## N=1000 SIGKILLs of a loaded server; prints the failing seed
	$(BIN)/python -m tests.crash $(or $(N),1000) $(if $(SEED),--seed $(SEED))

storm: $(READY) ## N=100000 poison messages through a mapping, for each maxReceiveCount from 1 to 10
	REDRIVE_POISON=$(or $(N),100000) $(BIN)/python -m pytest -q -n 2 \
	    tests/unit/services/mappings/test_mappings_storms.py -k poison

powerloss: $(READY) ## N=100000 states of a disk that lost its power; prints each seed
	$(BIN)/python -m tests.faults $(or $(N),100000) $(if $(SEED),--seed $(SEED))

scale: $(READY) ## N=1000000 messages in one queue: memory, disk and the time to reopen
	$(BIN)/python -m tests.scale $(or $(N),1000000)

fuzz: $(READY) ## N=100000 mutated requests against the wire
	$(BIN)/python -m tests.fuzz $(or $(N),100000)

patterns: $(READY) ## N=100000 pairs of an event pattern and an event against a naive matcher
	$(BIN)/python -m tests.patterns $(or $(N),100000) $(if $(SEED),--seed $(SEED))

cron: $(READY) ## N=10 time zones (all of them without N) over 20 years against an independent cron
	$(BIN)/python -m tests.cron $(N)

browser: $(READY) ## a real headless Chromium with a malicious page; CHROMIUM=path names it
	$(BIN)/python -m pytest -q -rs tests/browser

bench: $(NATIVE)/.ready ## speed beside a bare server; PEERS=ministack adds that peer, QUICK=1 is shorter
	$(BIN)/python -m bench $(if $(PEERS),--peers $(PEERS)) $(if $(QUICK),--quick)

docs: $(READY) ## write docs/compat and docs/check.md anew from the code
	$(BIN)/python -m tests.docs.compat
	$(BIN)/python -m tests.docs.check_page

clean:         ## remove what was installed and built
	rm -rf $(VENV) $(NATIVE) build dist .mypy_cache .ruff_cache .hypothesis
