# make demo : everything from nothing to a real study and its report
# make test : the tests
# make check: what CI runs
# make demo-slurm, make demo-ray: a study on a cluster of pretended nodes on this machine, one of which dies
# make peers: the peers that benchmarks/speed.py compares with, in an environment of their own

VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed

.PHONY: demo demo-slurm demo-ray test check format lint types peers ci-deps clean

demo: $(INSTALLED)
	$(BIN)/playbook run configs/digits.yaml
	$(BIN)/playbook report runs/digits-depth

demo-slurm demo-ray: demo-%: $(INSTALLED)
	$(BIN)/python -m benchmarks.clusters.demo $*

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

peers: benchmarks/peers.txt constraints.txt
	python3 -m venv .venv-peers
	.venv-peers/bin/pip install --quiet --disable-pip-version-check -c constraints.txt -r $< -e .

# Programs that some tests need and pip does not bring; those tests are skipped, with the reason, where they are absent.
ci-deps:
	apt-get update -qq
	DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium chromium-driver slurm-wlm munge gcc libc6-dev iproute2 strace >/dev/null

clean:
	rm -rf $(VENV) .venv-peers build dist *.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis .coverage*
