# Everything that one does with this repository. `make help` lists it.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

# One debug build serves the example, the tests, conformance and the continuous check.
JOBS ?= $(shell nproc)
SWIFT_FLAGS ?= --explicit-target-dependency-import-check error
SWIFT_BUILD := swift build -j $(JOBS) $(SWIFT_FLAGS)
STEP := .ci/step
LOGS := .build/logs
# Generated code keeps the shape that its generator gave it.
SWIFT_FILES = $$(git ls-files -co --exclude-standard '*.swift' | grep -v '/Generated/')

export PATCHBAY_SUITES ?= ../shared/suites

## run: build what is needed and run the example with --trace console
run: debug modules
	@$(MAKE) --no-print-directory -C examples/orders run PATCHBAY=$(CURDIR)/.build/debug/patchbay

## build: the optimised programs, .build/release/patchbay and patchbay-worker
build: packages
	@$(STEP) "building patchbay (release)" $(LOGS)/release.log $(SWIFT_BUILD) -c release --product patchbay
	@$(STEP) "building patchbay-worker (release)" $(LOGS)/worker.log $(SWIFT_BUILD) -c release --product patchbay-worker

## install: build, and copy the programs to PREFIX/bin (default: /usr/local)
PREFIX ?= /usr/local
install: build
	@install -D -m 755 .build/release/patchbay $(DESTDIR)$(PREFIX)/bin/patchbay
	@install -D -m 755 .build/release/patchbay-worker $(DESTDIR)$(PREFIX)/bin/patchbay-worker
	@echo "installed $(DESTDIR)$(PREFIX)/bin/patchbay"

## test: every test; FILTER=name runs some of them
test: packages
	@$(STEP) "building the tests" $(LOGS)/build-tests.log $(SWIFT_BUILD) --build-tests
	@$(STEP) "testing" $(LOGS)/test.log swift test --skip-build --parallel $(SWIFT_FLAGS) $(if $(FILTER),--filter '$(FILTER)')
	@grep -hE '^.{0,4}(Test run|Executed) ' $(LOGS)/test.log | tail -n 1

## conformance: the suites in PATCHBAY_SUITES (default: ../shared/suites); SUITE="cel retry" runs some of them
conformance: packages
	@$(STEP) "building the conformance runner" $(LOGS)/conformance.log $(SWIFT_BUILD) --product patchbay-conformance
	@.build/debug/patchbay-conformance $(SUITE)

## bench: measure, in a release build; TINY=1 only tries with few events whether everything runs, in the debug build
bench: BENCH_CONFIGURATION = $(if $(TINY),debug,release)
bench: packages
	@for product in patchbay patchbay-worker patchbay-bench; do \
	    $(STEP) "building $$product ($(BENCH_CONFIGURATION))" $(LOGS)/$$product.log \
	        $(SWIFT_BUILD) -c $(BENCH_CONFIGURATION) --product $$product; \
	done
	$(if $(TINY),,@$(STEP) "building the Swift module" $(LOGS)/swift-module.log swift build -c release \
	    --package-path Tests/Benchmarks/SwiftModule)
	@PATCHBAY_BENCH_SWIFT_MODULE=$(if $(TINY),,$(CURDIR)/Tests/Benchmarks/SwiftModule/.build/release/libnoop.so) \
	    .build/$(BENCH_CONFIGURATION)/patchbay-bench $(if $(TINY),--tiny) $(BENCH)

## fuzz: CEL, CESQL, regular expressions, JSON, YAML and JSON Schema; TIMES=n (default: 100) what a test run tries, SEED=n
TIMES ?= 100
fuzz: packages
	@$(STEP) "building the tests" $(LOGS)/build-tests.log $(SWIFT_BUILD) --build-tests
	@PATCHBAY_FUZZ=$(TIMES) PATCHBAY_FUZZ_SEED=$(SEED) $(STEP) "fuzzing" $(LOGS)/fuzz.log \
	    swift test --skip-build --parallel $(SWIFT_FLAGS) --filter FuzzTests
	@grep -hE '^.{0,4}(Test run|Executed) ' $(LOGS)/fuzz.log | tail -n 1

## crash: kill hosts under load and lose what was not synced; CYCLES=n (default: 200), SEED=n, CRASH="further options"
CYCLES ?= 200
SEED ?= 1
crash: debug
	@python3 Tests/Crash/crash.py --patchbay .build/debug/patchbay --cycles $(CYCLES) --seed $(SEED) $(CRASH)

## swaps: change a module's version in a host under full load; SWAPS=n (default: 1000)
SWAPS ?= 1000
swaps: debug
	@python3 Tests/Swap/swap.py --patchbay .build/debug/patchbay --swaps $(SWAPS)

## simulate: the whole runtime in one thread, with crashes and faulty disks; SEEDS=n (default: 2000), SEED=first
SEEDS ?= 2000
simulate: packages
	@$(STEP) "building the tests" $(LOGS)/build-tests.log $(SWIFT_BUILD) --build-tests
	@PATCHBAY_SIMULATE_SEED=$(SEED) PATCHBAY_SIMULATE_SEEDS=$(SEEDS) $(STEP) "simulating" $(LOGS)/simulate.log \
	    swift test --skip-build $(SWIFT_FLAGS) --filter PatchbaySimulationTests.Simulation/
	@sed -n '/^simulated /p; /^  [a-zA-Z]/p' $(LOGS)/simulate.log

## plugins: build, test and check the first-party modules in Plugins/
plugins: debug
	@$(STEP) "building the modules" $(LOGS)/plugins.log $(MAKE) -C Plugins modules
	@$(STEP) "testing the modules" $(LOGS)/plugins-test.log $(MAKE) -C Plugins test
	@$(MAKE) --no-print-directory -C Plugins check PATCHBAY=$(CURDIR)/.build/debug/patchbay

## check: all that the continuous check does
check:
	@.ci/run

## format: rewrite the Swift sources in the house style
format:
	@swift format format -i -p $(SWIFT_FILES)

## lint: complain about Swift sources that are not in the house style
lint:
	@swift format lint --strict -p $(SWIFT_FILES)
	@echo "lint: clean"

## clean: remove everything that was built
clean:
	@rm -rf .build sdk/swift/.build
	@$(MAKE) --no-print-directory -C examples/orders clean
	@$(MAKE) --no-print-directory -C Plugins clean

## help: this list
help:
	@sed -n 's/^## //p' $(MAKEFILE_LIST) | awk -F': ' '{ printf "  make %-12s %s\n", $$1, substr($$0, length($$1) + 3) }'

packages:
	@.ci/packages

debug: packages
	@$(STEP) "building patchbay" $(LOGS)/debug.log $(SWIFT_BUILD) --product patchbay
	@$(STEP) "building patchbay-worker" $(LOGS)/worker-debug.log $(SWIFT_BUILD) --product patchbay-worker

modules: packages
	@$(STEP) "building the example's modules" $(LOGS)/modules.log $(MAKE) -C examples/orders modules

.PHONY: run build install test conformance bench fuzz crash swaps simulate plugins check format lint clean help packages debug modules
