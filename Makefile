# Every target makes the environment it needs, in .venv, from the hashed locks in requirements/.
# Another Python than `python3`: make PYTHON=python3.12 test

PYTHON ?= python3
ARGS ?=
IN := .venv/bin

# Of each package one version for every Python (`fewest`), since the tests of the locks run on one of them.
UV_LOCK := $(IN)/python -m uv pip compile pyproject.toml --universal --python-version 3.11 --fork-strategy fewest \
	--generate-hashes --no-header --no-annotate --no-emit-index-url --quiet \
	--custom-compile-command "make lock"

.PHONY: help sandbox run doctor test sweep check style types docs audit crash soak bench fix lock environment-run environment-sandbox environment-dev

help:  ## Show what there is
	@echo "Atelier: make pictures together on Discord"
	@echo
	@sed -n 's/^\([a-z]*\):.*  ## \(.*\)/  make \1#\2/p' $(MAKEFILE_LIST) | awk -F'#' '{ printf "%-16s %s\n", $$1, $$2 }'
	@echo
	@echo "ARGS are passed on: make sandbox ARGS=--open, make test ARGS=tests/process/test_config.py"

sandbox: environment-sandbox  ## Try the bot in your browser, with no accounts
	@$(IN)/python -m sandbox $(ARGS)

run: environment-run  ## Run the bot on Discord, with the settings in .env
	@$(IN)/python -m bot run $(ARGS)

doctor: environment-run  ## Say whether all is well, and what to do where it is not
	@$(IN)/python -m bot doctor $(ARGS)

# COVERAGE=1 also says how much of the code the tests reach, which takes twice as long. Its file is a temporary one, so
# that two runs at the same time do not write into each other's. Tests run on every core; those that ARGS name run in
# one process, where a debugger works, sweeps included.
test: environment-dev  ## Run the tests
	@kept=$$(mktemp -d) && trap 'rm -rf "$$kept"' EXIT && \
	COVERAGE_FILE="$$kept/coverage" $(IN)/python -m pytest $(if $(ARGS),$(ARGS),-m "not sweep" $(if $(COVERAGE),--cov) --numprocesses auto --dist worksteal)

sweep: environment-dev  ## Run the long tests: every fault, a death at every call, a browser
	@$(IN)/python -m pytest -m sweep --numprocesses auto --dist worksteal $(ARGS)

check: style types docs test  ## Everything a change has to pass: format, lint, types, docs, and all tests

style: environment-dev
	$(IN)/python -m ruff format --check .
	$(IN)/python -m ruff check .
	$(IN)/hadolint Dockerfile
	$(IN)/check-jsonschema --builtin-schema vendor.compose-spec compose.yaml compose.postgres.yaml

types: environment-dev
	$(IN)/python -m mypy --strict

docs: environment-dev  ## Build the docs site in dist/docs; a link that leads nowhere is an error
	@$(IN)/python -m sphinx --quiet --fail-on-warning --keep-going --write-all --fresh-env --conf-dir docs/site --doctree-dir dist/doctrees . dist/docs
	@echo "The docs site is in dist/docs: open dist/docs/index.html"

audit: environment-dev  ## Look up known vulnerabilities of the bot's dependencies
	@$(IN)/python requirements/audit.py

crash: environment-dev  ## Kill the bot at every point, and count what is lost or doubled
	@$(IN)/python -m tests.crash $(ARGS)

soak: environment-dev  ## Play a day in an hour, with too many requests and faults at random
	@$(IN)/python -m tests.soak $(ARGS)

bench: environment-dev  ## Measure speed, as ratios
	@$(IN)/python -m benchmarks $(ARGS)

fix: environment-dev  ## Format the code, and put right what can be put right by itself
	$(IN)/python -m ruff check --fix .
	$(IN)/python -m ruff format .

lock: environment-dev  ## Pin the newest allowed versions of everything, for Python 3.11 to 3.14
	$(UV_LOCK) --upgrade --group dev --extra sandbox --output-file requirements/dev.txt
	$(UV_LOCK) --constraint requirements/dev.txt --extra sandbox --output-file requirements/sandbox.txt
	$(UV_LOCK) --constraint requirements/dev.txt --output-file requirements/run.txt

environment-run environment-sandbox environment-dev: environment-%:
	@command -v $(PYTHON) >/dev/null || { echo "There is no $(PYTHON) here. Install Python 3.11 or newer, or name yours: make PYTHON=..." >&2; exit 1; }
	@$(PYTHON) requirements/install.py $*
