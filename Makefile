# Every target is a short name for a command that README.md explains.
COMPILE = uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--custom-compile-command "make lock"

.PHONY: run test lint lock

run:
	python3 dev.py run

test:
	python3 dev.py test

lint:
	python3 dev.py lint

# Needs uv (https://docs.astral.sh/uv/). Pass UPGRADE=--upgrade to take newer versions.
lock:
	$(COMPILE) $(UPGRADE) requirements.in -o requirements.txt
	printf '# Wheels we only serve files from, see requirements-files.in\n' >> requirements.txt
	$(COMPILE) $(UPGRADE) --no-deps --no-header requirements-files.in >> requirements.txt
	$(COMPILE) $(UPGRADE) requirements-dev.in -o requirements-dev.txt
	$(COMPILE) $(UPGRADE) requirements-scale.in -o requirements-scale.txt
