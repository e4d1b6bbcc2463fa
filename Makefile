# `make run` proves the shipped set-ups on this machine; `make test` proves forwardlab itself.
# Both install what is missing first (tools/setup.sh) and start no daemon.

.PHONY: run test setup servers check baseline matrix benchmarks vagrant-test kernel timetravel-test clean

run: setup
	@tools/run.sh

setup:
	@tools/setup.sh run

# The servers that can take a seat (docs/subjects.md); none is started.
servers:
	@tools/setup.sh servers

test:
	@tools/setup.sh test
	@tools/test.sh

# What CI runs first and a developer runs all the time: no root, no namespaces.
check:
	.venv/bin/ruff format --check .
	.venv/bin/ruff check .
	.venv/bin/mypy
	.venv/bin/python -m pytest -q tests/unit tests/simulated

# The verdicts and figures of the simulated world that a review sees change; see docs/regression.md.
baseline:
	@tools/setup.sh run
	@tools/baseline.sh

# Every server by every rule, and how long viewers wait: reports/matrix/ and the README's tables.
# docs/matrix.md; with `make kernel` before it, waits cost no time.
matrix: servers
	.venv/bin/forwardlab matrix
	.venv/bin/python -m lab.matrix.readme

benchmarks:
	@tools/setup.sh bench
	.venv/bin/python benchmarks/world_startup.py
	.venv/bin/python benchmarks/scenario_set.py
	.venv/bin/python benchmarks/added_latency.py
	.venv/bin/python benchmarks/dns_throughput.py
	.venv/bin/python benchmarks/resolver_memory.py
	.venv/bin/python benchmarks/sweep_rate.py

# Brings the Vagrantfile's box up, runs scenarios in it, destroys it. Minutes, and not in CI.
vagrant-test:
	@tools/vagrant-test.sh

# The kernel of `--world timetravel`, from Debian's source: minutes, once. docs/timetravel.md
kernel:
	@tools/kernel.sh

# The same verdicts in virtual and in real time; see docs/timetravel.md. Not in CI, which has no kernel.
timetravel-test: kernel
	.venv/bin/python tools/agree_timetravel.py

clean:
	rm -rf .venv .build .vagrant *.egg-info reports/runs reports/latest
	rm -rf .hypothesis .mypy_cache .ruff_cache .pytest_cache
