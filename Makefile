.venv/dev: requirements/dev.lock
	python3 -m venv .venv
	.venv/bin/pip install --quiet --require-hashes -r requirements/dev.lock
	touch $@
