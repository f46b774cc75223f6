# make demo : everything from nothing to a real study and its report
# make test : the tests
# make check: what CI runs

VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed

.PHONY: demo test check format lint types ci-deps clean

demo: $(INSTALLED)
	$(BIN)/playbook run configs/digits.yaml
	$(BIN)/playbook report runs/digits-depth

test: $(INSTALLED)
	$(BIN)/python -m pytest -n 2

check: format lint types test

format: $(INSTALLED)
	$(BIN)/ruff format --check .

lint: $(INSTALLED)
	$(BIN)/ruff check .

types: $(INSTALLED)
	$(BIN)/mypy

$(INSTALLED): pyproject.toml constraints.txt
	python3 -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	touch $@

# Programs that some tests need and pip does not bring; those tests are skipped, with the reason, where they are absent.
ci-deps:
	apt-get update -qq
	DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium chromium-driver >/dev/null

clean:
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis .coverage*
