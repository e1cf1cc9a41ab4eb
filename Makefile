# `make` alone says what there is. Everything runs from a clone on a machine with git, Python, make and apt.
PYTHON := $(firstword $(wildcard /usr/bin/python3) python3)
STARTED := $(shell date +%s)
LINK := .ansible/collections/ansible_collections/cryptobot/native

.DEFAULT_GOAL := help
.PHONY: help bench-play bench-data bench-cutover image venv link requirements docs demo demo-remove lint unit spec sanity example build scenario test test-all test-crash clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z -]+:.*## / {printf "  make %-24s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

venv: .venv/complete link ## the virtual environment with Ansible and the test tools

.venv/complete: requirements-test.txt tests/venv.py
	@$(PYTHON) tests/venv.py

link: $(LINK) ## the link by which cryptobot.native.* means this checkout

# Made before any other tool runs: ansible-lint would put a copy there.
$(LINK):
	@mkdir -p $(dir $@)
	@ln -sfn ../../../.. $@

requirements: venv ## pins anew what requirements*.in name
	@for name in requirements requirements-test requirements-galaxy; do \
	  .venv/bin/uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes --no-header $$name.in -o $$name.txt || exit; \
	done

docs: venv ## writes the generated pages of docs/ and the options in each role's README
	@.venv/bin/python docs/generate.py

# The virtual environment and the base image are made side by side: one waits for the network while the other unpacks.
demo: ## a host, the whole platform on it, a user's journey, and how to look at it
	@$(MAKE) --no-print-directory -j2 venv image
	@.venv/bin/python tests/demo/demo.py --started $(STARTED)

demo-remove: ## removes the demo host
	@tests/hosts/host remove cryptobot-demo

image: # the base image of the demo's host
	@tests/hosts/host image --debian $(or $(DEBIAN),12) >/dev/null

lint unit sanity example build: venv ## one part of the tests
	@.venv/bin/python tests/run.py $@

spec: venv ## argument specs against defaults
	@.venv/bin/pytest tests/unit/test_argument_specs.py

scenario: venv ## NAME=x: one Molecule scenario on fresh hosts
	@.venv/bin/python tests/run.py scenario-$(NAME)

bench-play: venv ## what a service costs in a run that changes nothing
	@.venv/bin/python tests/bench/play.py

bench-data: venv ## copy and verification against the ways by hand: PostgreSQL (1 GB), Redis, files
	@for part in tests/bench/data/*.py; do .venv/bin/python $$part || exit; done

bench-cutover: venv ## windows there and back under load, at 50 MB and 1 GB; the cost of router and following
	@.venv/bin/python tests/cutover/on_host.py tests/bench/cutover.py

test: venv ## lint, unit, sanity and the Molecule scenarios that fit its time
	@.venv/bin/python tests/run.py

test-all: venv ## everything
	@.venv/bin/python tests/run.py --all

test-crash: venv ## SHARD=i/n: windows cut off at every effect, on real engines; what was run is kept and not repeated
	@.venv/bin/python tests/cutover/on_host.py tests/cutover/window/crash.py --shard $(or $(SHARD),1/1)

clean: ## removes what was built here; the cache outside the clone stays
	@rm -rf build .venv .ansible .cache
