.venv/dev: requirements/dev.lock
	python3 -m venv .venv
	.venv/bin/pip install --quiet --require-hashes -r requirements/dev.lock
	touch $@

.PHONY: demo secrets
demo: # a real, harmless trouble on the running stack, from the first bad reading to the closed incident
	@python3 -m deploy.demo

secrets: # random passwords into .env; what is set there stays
	@python3 -m deploy.secrets
