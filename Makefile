# SPDX-License-Identifier: Apache-2.0
# A front for CMake. Each target installs what it needs (scripts/install-deps) and builds what it runs.

MAKEFLAGS += --no-print-directory
PREFIX ?= /usr/local
SECONDS ?= 60
OPS ?= 1000000
SEED ?= 1

.PHONY: build demo test test-all checks bench killpoints storm random fuzz install lint format clean help
.NOTPARALLEL:

build:
	@scripts/install-deps build
	@scripts/build release

demo: build
	@scripts/demo

test:
	@scripts/install-deps build
	@scripts/run-tests

test-all:
	@scripts/install-deps build lint
	@scripts/run-tests --all

checks:
	@scripts/install-deps build
	@scripts/build release check_tests portolan_cli
	@scripts/checks

bench:
	@scripts/install-deps build bench
	@scripts/build release
	@mkdir -p build/bench
	@build/bin/portolan-bench
	@build/bin/portolan-bench-kqueue
	@build/bin/portolan-bench-names

killpoints: build
	@build/bin/killpoints

storm: build
	@build/bin/storm --seconds $(SECONDS)

random:
	@scripts/install-deps build
	@scripts/build release random
	@build/bin/random --ops $(OPS) --seed $(SEED) --shrink

fuzz:
	@scripts/install-deps build lint
	@scripts/fuzz $(SECONDS)

# The tests need not be built for this. DESTDIR is honoured.
install:
	@scripts/install-deps build
	@scripts/install --prefix "$(PREFIX)" $(if $(DESTDIR),--destdir "$(DESTDIR)")

lint:
	@scripts/install-deps build lint
	@scripts/lint

format:
	@scripts/install-deps lint
	@scripts/lint --format

clean:
	rm -rf build

help:
	@echo 'make                      build everything into build/'
	@echo 'make demo                 run the browser example under portolan check, clean and leaking'
	@echo 'make test                 all tests, and again under ASan+UBSan and TSan'
	@echo 'make test-all             the same, and Clang, spin off, one CPU, kill points, a storm of an hour'
	@echo 'make checks               list every numbered rule of docs/rules with its state'
	@echo 'make bench                measure; results in build/bench/results.json'
	@echo 'make killpoints           die at every step of the kernel, and look'
	@echo 'make storm SECONDS=60     kill processes at random, and look'
	@echo 'make random OPS=1000000   random programs on the kernel and on a model of it (SEED=1)'
	@echo 'make fuzz SECONDS=60      the same, led by libFuzzer: SECONDS for each target'
	@echo 'make install PREFIX=DIR   install (default /usr/local); DESTDIR is honoured'
	@echo 'make lint, make format    check, or put right, the look of the code'
	@echo 'make clean                remove build/'
