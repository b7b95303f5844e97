.DEFAULT_GOAL := help
export MODE
PIP := .venv/bin/pip --disable-pip-version-check --quiet

.PHONY: help up down venv test lint
help: # this list
	@sed -n 's/^\([a-z]*\):.*# /\1  /p' Makefile

up: # start everything; MODE=local without Docker, MODE=compose with it, else what this machine has
	@exec deploy/up.sh up

down: # stop it; all data stay
	@exec deploy/up.sh down

venv: .venv/local # the programs' environment, from the hash-pinned lock

# In the order of their names, so that the longest files, end_to_end, start early.
test: .venv/dev # all tests; what needs a server that is not installed is skipped
	.venv/bin/pytest --numprocesses 5 --dist loadfile --no-loadscope-reorder

lint: .venv/dev # style, types, and who may import whom
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy
	.venv/bin/lint-imports

.venv/bin/pip:
	@deploy/prerequisites.sh
	@echo "Making .venv (about a minute)"
	@python3 -m venv .venv

.venv/local .venv/dev: .venv/%: requirements/%.lock pyproject.toml | .venv/bin/pip
	@$(PIP) install --require-hashes -r requirements/$*.lock
	@$(PIP) install --no-build-isolation --no-deps -e .
	@touch $@

.PHONY: demo secrets
demo: # a real, harmless trouble on the running stack, from the first bad reading to the closed incident
	@python3 -m deploy.demo

secrets: # random passwords into .env; what is set there stays
	@python3 -m deploy.secrets

.PHONY: bench
bench: .venv/dev # what an agent and the pipeline cost here, node_exporter beside them; QUICK=1 for the short form
	@.venv/bin/python -m bench

.PHONY: faults
faults: .venv/dev # break real programs, brokers, networks and databases; JOBS=4 at a time; QUICK=1, ROWS=1,9, KILLS=1000, SEED=7 choose
	@.venv/bin/python -m faults
