# Every way into the project. Two of them do all the set-up on a fresh machine: `make run` and `make test`.
#
#   make run                        set up, build, serve ./data with sample tables, say how each client connects
#   make test [SAN=address|thread]  set up, build, run everything; KIND= and FILTER= choose less
#   make build                      set up and build the program, build/firth
#   make bench [BENCH=name]         build and run the benchmarks
#   make fuzz TARGET=name SECONDS=n fuzz one decoder, or each in turn without TARGET
#   make crash CYCLES=n             kill and restart the server n times under load
#   make soak SECONDS=n             run the long mixed load
#   make interop                    have Spark read the tables' files (some 500 MB of downloads, the first time)
#   make format                     lay out the C++ by .clang-format
#   make lint [FILES="…"]           clang-tidy, thread annotations and layout, on the whole tree or on some files
#   make setup, make clean, make help

SAN :=
KIND :=
FILTER :=
BENCH :=
TARGET :=
SECONDS := 60
CYCLES := 50
FILES :=
JOBS := $(shell nproc)

# One build serves all: what `make run` starts is what the clients' tests run against, and no file is compiled
# twice. It is the optimised one: -O2 costs a quarter more time than -O1 to compile (29 s of CPU against 24 s for
# the first thirty files), far less than a second build, and the tests then run what people run. The checks that
# are too dear for it are on in the sanitizer builds.
PRESET := $(if $(SAN),$(if $(filter address,$(SAN)),asan,$(if $(filter thread,$(SAN)),tsan,$(error SAN is address or thread))),ci)
BUILD := $(if $(SAN),build/$(PRESET),build)

.PHONY: help run build test bench fuzz fuzzers crash soak interop format lint setup clean configure tests

run: build
	@tools/setup.sh data
	@tools/run_dev.sh

setup:
	@tools/setup.sh

build: configure
	@ninja -C $(BUILD) -j $(JOBS) firth

test: tests $(if $(SAN),,$(if $(KIND),$(if $(filter fuzz,$(KIND)),fuzzers),fuzzers))
	@tools/run_tests.py --build $(BUILD) $(addprefix --san ,$(SAN)) $(addprefix --kind ,$(KIND)) $(addprefix --filter ,$(FILTER))

tests: configure
	@tools/setup.sh test data
	@ninja -C $(BUILD) -j $(JOBS)

# Once configured, ninja notices changed rules and new files by itself.
configure:
	@tools/setup.sh build arrow duckdb dialect
	@test -f $(BUILD)/build.ninja || cmake --preset $(PRESET) -B $(BUILD)

bench: configure
	@tools/setup.sh test data
	@ninja -C $(BUILD) -j $(JOBS) firth_benchmarks firth
	@tools/run_bench.sh $(BUILD) $(BENCH)

fuzz:
	@tools/setup.sh build arrow duckdb dialect clang
	@test -f build/fuzz/build.ninja || cmake --preset fuzz
	@tools/run_fuzz.sh build/fuzz $(SECONDS) $(TARGET)

# The fuzz targets that `make test` runs for a while.
fuzzers:
	@tools/setup.sh build arrow duckdb clang
	@test -f build/fuzz/build.ninja || cmake --preset fuzz
	@ninja -C build/fuzz -j $(JOBS) firth_fuzzers

crash: tests
	@FIRTH_CRASH_CYCLES=$(CYCLES) tools/run_tests.py --build $(BUILD) --kind crash

soak: SECONDS := 1200
soak: tests
	@FIRTH_SOAK_SECONDS=$(SECONDS) tools/run_tests.py --build $(BUILD) --kind soak

interop: build
	@tools/setup.sh interop
	@FIRTH_BINARY=build/firth FIRTH_DEPS=.deps .deps/interop/venv/bin/python -m pytest -q tests/interop/interop_*.py

format:
	@tools/setup.sh clang
	@git ls-files --cached --others --exclude-standard -- '*.cc' '*.h' | xargs -r clang-format-19 -i

lint:
	@tools/setup.sh build arrow duckdb dialect clang
	@test -f build/lint/build.ninja || cmake --preset lint
	@tools/lint.sh build/lint $(FILES)

clean:
	rm -rf build

# What stands at the top of this file.
help:
	@sed -n '/^#/!q; s/^# \{0,1\}//p' Makefile
