# Everything a person does here, by name. `make` alone lists it.
PYTHON ?= python3
VENV := $(CURDIR)/.venv
INSTALLED := $(VENV)/.installed
TESTS := tests/unit tests/contract tests/integration tests/security

# Ansible starts in half the time from compiled files, so a machine-wide ban on them stops here.
unexport PYTHONDONTWRITEBYTECODE
# A module comes on its interpreter's standard input, which would read it byte by byte.
unexport PYTHONUNBUFFERED
# molecule and ansible-lint look their helpers up on PATH.
export PATH := $(VENV)/bin:$(PATH)
# Named, so that neither a world-writable checkout nor a setting of the caller hides ours.
export ANSIBLE_CONFIG := $(CURDIR)/ansible.cfg

# uv trusts what this machine trusts, where it says so, and asks the index that pip is told to ask.
ifneq (,$(wildcard /etc/ssl/certs/ca-certificates.crt /etc/pki/tls/certs/ca-bundle.crt /etc/ssl/cert.pem))
export UV_SYSTEM_CERTS ?= true
endif
ifdef PIP_INDEX_URL
export UV_DEFAULT_INDEX ?= $(PIP_INDEX_URL)
endif

.DEFAULT_GOAL := help
.PHONY: help setup lock artifacts demo test story check format bench torture faults model mutants track-record \
  lab-up lab-down molecule docs clean

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(INSTALLED) ## Install the locked tools into .venv (needs only python3 >= 3.11)

$(INSTALLED): requirements.lock
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("make setup: python3 >= 3.11 is needed, this is " + sys.version.split()[0] + "; choose another with: make setup PYTHON=python3.12")'
	test -x $(VENV)/bin/python || $(PYTHON) -m venv $(VENV)
	awk '/^[^ ]/ {wanted = /^uv==/} wanted' requirements.lock > $(VENV)/uv.lock
	$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes --requirement $(VENV)/uv.lock
	uv pip sync --quiet --python $(VENV)/bin/python --require-hashes --compile-bytecode requirements.lock
	uv pip install --quiet --python $(VENV)/bin/python --no-deps --no-build-isolation --editable .
	@touch $@

lock: setup ## Resolve requirements.in anew into requirements.lock
	uv pip compile --quiet --upgrade --universal --generate-hashes --no-emit-index-url --no-header \
	  --python-version 3.11 --output-file requirements.lock requirements.in

artifacts: setup ## Build the example releases that the tests and the demo deploy
	python examples/abathur/build.py
	python examples/sparkle/build.py
	python examples/toon/build.py

demo: setup ## Deploy, break and put back a small system on this machine (SYSTEM=abathur, toon)
	python examples/$(or $(SYSTEM),abathur)/build.py
	python examples/demo.py --system $(or $(SYSTEM),abathur)

# The lab is one: what boots machines runs after the rest, in one process.
test: artifacts ## Run the unit, contract and integration tests
	pytest -n auto --dist worksteal -m "not lab" $(TESTS)
	pytest -m lab $(TESTS)

story: setup ## Put the playbooks to the table of scenarios (VENV=, PYTHON= for another ansible-core; ROWS=words)
	pytest -n auto --dist worksteal tests/integration/test_story.py $(if $(ROWS),-k "$(ROWS)")

check: setup ## Run every static check
	ruff check .
	ruff format --check .
	mypy --strict plugins/module_utils/stagegate
	mypy --strict tests/lab tests/torture tests/faults
	yamllint --strict .
	ansible-lint --profile production --offline --strict

format: setup ## Rewrite the Python files in the house's format
	ruff check --fix .
	ruff format .

bench: setup ## Measure; nothing here can fail a build
	python -m tests.bench

torture: artifacts ## Hit real systems at every point of a run (SECONDS=1800 SEED=1 SYSTEMS=a,b); needs root
	python -m tests.torture --seconds $(or $(SECONDS),1800) --seed $(or $(SEED),1) \
	  $(if $(SYSTEMS),--systems $(SYSTEMS))

faults: artifacts ## Cause every fault of the matrix and write docs/fault-matrix.md; needs root
	python -m tests.faults

model: setup ## Check ledger, lock and verdicts in simulated worlds (SEEDS=100000)
	python -m tests.model --seeds $(or $(SEEDS),100000)

mutants: artifacts ## Take each guard away and name the test that misses it
	python -m tests.mutants

track-record: artifacts ## Take each fix of the track record away and name the test that misses it
	python -m tests.mutants --bugs

lab-up: setup ## Boot the machines of an inventory (INVENTORY=inventories/prod); needs root
	python -m tests.lab up --inventory $(or $(INVENTORY),inventories/prod)
	$(if $(wildcard $(INVENTORY)/prepare.yml),ansible-playbook --inventory $(INVENTORY) $(INVENTORY)/prepare.yml)

lab-down: setup ## Remove every trace of the machines
	python -m tests.lab down

molecule: artifacts ## Run the scenarios on real machines (SCENARIO=name for one); needs root
	molecule test $(if $(SCENARIO),--scenario-name $(SCENARIO),--all)

docs: setup ## Generate the reference pages, and those of faults, security and the track record
	python docs/generate.py
	python -m tests.faults --page
	python -m tests.security --write
	python -m tests.mutants --page

clean: ## Remove what the targets above made
	rm -rf .venv .local artifacts build .pytest_cache .mypy_cache .ruff_cache .ansible
	rm -rf plugins/module_utils/*.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
