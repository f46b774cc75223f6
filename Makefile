# make demo : everything from nothing to a real study and its report
# make test : the tests, without the slow ones
# make check: what CI runs: format, lint, types, docs, make test, make test-slow and make gate
# make docs : the documentation as a site, in build/site
# make pictures: the gallery of reports and the pictures of rules in docs/, from generated studies
# make lowest: some of the tests with the oldest versions of all dependencies that are allowed
# make release-check: builds the distribution, and uses the wheel in an empty environment
# make demo-slurm, make demo-ray: a study on a cluster of pretended nodes on this machine, one of which dies
# make peers: the peers that benchmarks/speed.py compares with, in an environment of their own
# make tools: the tools whose runs benchmarks/tool_runs.py imports, in an environment of their own

VENV := .venv
PYTHON := python3
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed

.PHONY: demo demo-slurm demo-ray test test-slow check gate format lint types docs pictures lowest release-check peers tools ci-deps clean

demo: $(INSTALLED)
	$(BIN)/playbook run configs/digits.yaml
	$(BIN)/playbook report runs/digits-depth

demo-slurm demo-ray: demo-%: $(INSTALLED)
	$(BIN)/python -m benchmarks.clusters $*

test: $(INSTALLED)
	$(BIN)/python -m pytest -n 2 -m "not slow"

# Clusters, browsers, frameworks, and studies of many processes. One process more than the fast tests have, since some wait
# for others; a group shares what takes long to start.
test-slow: $(INSTALLED)
	$(BIN)/python -m pytest -n 3 --dist loadgroup -m slow

check: format lint types docs test test-slow gate

# A real study and its gate: the commands that the README shows for CI.
gate: $(INSTALLED)
	rm -rf build/gate
	$(BIN)/playbook run configs/smoke.yaml --runs build/gate
	$(BIN)/playbook check build/gate/smoke --expect 'val_error<=0.2' --fail-on failed --fail-on infeasible

format: $(INSTALLED)
	$(BIN)/ruff format --check .

lint: $(INSTALLED)
	$(BIN)/ruff check .

types: $(INSTALLED)
	$(BIN)/mypy

# Strict: a broken link or a page that no other names fails.
docs: $(INSTALLED)
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet --strict

pictures: $(INSTALLED)
	$(BIN)/python docs/pictures.py

$(INSTALLED): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	touch $@

# What imports, samples, charts and stores: where a dependency's oldest allowed version would fail.
SMOKE := tests/test_cli.py tests/test_imports.py tests/running/test_study.py tests/test_client.py tests/spec tests/sampling \
	tests/exporting tests/importing tests/report/test_build.py tests/report/test_html.py tests/report/test_pictures.py \
	tests/report/test_terminal.py tests/commands/test_plan.py tests/commands/test_export.py tests/workloads/test_digits.py

lowest: .venv-lowest/.installed
	.venv-lowest/bin/python -m pytest -n 2 $(SMOKE)

.venv-lowest/.installed: pyproject.toml constraints-lowest.txt
	$(PYTHON) -m venv .venv-lowest
	.venv-lowest/bin/pip install --quiet --disable-pip-version-check -c constraints-lowest.txt -e '.[bayes,demo]' \
		hypothesis pyarrow pytest pytest-xdist
	touch $@

# CONTRIBUTING.md tells what comes before and after it.
release-check:
	rm -rf .venv-build .venv-wheel build dist
	$(PYTHON) -m venv .venv-build
	.venv-build/bin/pip install --quiet --disable-pip-version-check build
	.venv-build/bin/python -m build --outdir dist .
	$(PYTHON) -m venv .venv-wheel
	.venv-wheel/bin/pip install --quiet --disable-pip-version-check -c constraints.txt dist/*.whl
	.ci/try-wheel .venv-wheel/bin/playbook dist

peers: benchmarks/peers.txt constraints.txt
	$(PYTHON) -m venv .venv-peers
	.venv-peers/bin/pip install --quiet --disable-pip-version-check -c constraints.txt -r $< -e '.[demo]'

tools: benchmarks/tools.txt constraints.txt
	$(PYTHON) -m venv .venv-tools
	.venv-tools/bin/pip install --quiet --disable-pip-version-check -c constraints.txt -r $< -e '.[demo]'

# Programs that some tests need and pip does not bring; those tests are skipped, with the reason, where they are absent.
ci-deps:
	apt-get update -qq
	DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium chromium-driver slurm-wlm munge gcc libc6-dev iproute2 strace >/dev/null

clean:
	rm -rf $(VENV) .venv-* build dist *.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis .coverage*
