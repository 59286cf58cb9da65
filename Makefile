# The targets are listed by `make`.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help

PYTHON ?= python3
GATEWAY ?= envoy
ARGS ?=

TARGET := wasm32-wasip1
CHANNEL := $(shell sed -n 's/^channel = "\(.*\)"/\1/p' rust-toolchain.toml)
CARGO := cargo +$(CHANNEL)
CARGO_MUTANTS := 27.1.0
VENV := .venv
RUN := $(VENV)/bin/python
REQUIREMENTS := tests/gateway/requirements.txt
PYTHON_TESTS := tests/gateway/test_servers.py tests/gateway/test_check.py tests/kong_model/rules
GATEWAY_TESTS := $(addprefix tests/gateway/,test_scenarios.py test_rotation.py test_memory.py)
GATEWAY_TESTS_envoy := $(addprefix tests/gateway/,test_envoy.py test_bodies.py test_flights.py test_faults_within.py test_shared_data.py test_trailers.py)
GATEWAY_TESTS_kong-model := tests/kong_model/filter
COMPOSE := docker compose -p token-exchange -f kong/compose.yaml
WASM := dist/token_exchange.wasm
FAULTY_WASM := dist/token_exchange-fault-injection.wasm
# The builder's home stays out of the artefact, which so does not depend on whose home it is.
WASM_RUSTFLAGS := -C target-feature=+simd128 --remap-path-prefix=$(or $(CARGO_HOME),$(HOME)/.cargo)/registry=/registry
BENCH_WASM := $(or $(CARGO_TARGET_DIR),target)/$(TARGET)/release/token_exchange_bench.wasm
BUILT := $(or $(CARGO_TARGET_DIR),target)/$(TARGET)/release/token_exchange.wasm

.PHONY: help demo demo-up test gateway-test gateway-test-envoy gateway-test-kong-model gateway-test-kong soak proofs panics mutations mutants kong-check kong-render deck-validate kong-demo wasm faulty-wasm bench flood fuzz lint fmt doc docs ci requirements clean rust artefact-and-servers rust-tests

help: ## this list
	@echo 'token-exchange: a proxy-wasm filter that validates a bearer token and swaps it at a token endpoint'
	@echo
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1|\2/p' $(MAKEFILE_LIST) | column -t -s '|'

demo: artefact-and-servers ## see it work: a real Envoy, an authorization server and an upstream; ends by itself
	@PYTHONPATH=tests/gateway $(RUN) demo/run.py --wasm $(WASM)

demo-up: artefact-and-servers ## the same, left running, with the curl lines to try
	@PYTHONPATH=tests/gateway $(RUN) demo/run.py --wasm $(WASM) --stay

test: rust ## the fast suites: the Rust tests, and the tests of the servers and the model of Kong's host
	@$(MAKE) --no-print-directory --jobs=2 rust-tests $(VENV)/ready
	$(CARGO) test --locked --workspace
	$(RUN) -m pytest -q $(PYTHON_TESTS) $(ARGS)

gateway-test: ## the built filter on a gateway: GATEWAY=envoy (the default), kong-model, kong, or several, which run side by side
	@$(MAKE) --no-print-directory --jobs=$(words $(GATEWAY)) $(if $(word 2,$(GATEWAY)),--output-sync=target) \
	  $(addprefix gateway-test-,$(GATEWAY))

gateway-test-envoy gateway-test-kong-model: faulty-wasm
gateway-test-envoy gateway-test-kong-model gateway-test-kong: gateway-test-%: wasm $(VENV)/ready
	$(RUN) -m pytest -q $(GATEWAY_TESTS) $(GATEWAY_TESTS_$*) --gateway $* --wasm $(WASM) $(ARGS)

soak: wasm $(VENV)/ready ## keys that rotate, are away for ten minutes and come back under load, on GATEWAY (a quarter of an hour)
	$(RUN) -m pytest -q tests/gateway/test_rotation.py --soak --gateway $(GATEWAY) --wasm $(WASM) $(ARGS)

interop: wasm $(VENV)/ready ## the built filter on Envoy before a real Keycloak; needs Java 17 or later, and Maven
	$(RUN) -m pytest -q tests/interop $(ARGS)

proofs: rust $(VENV)/ready ## what proves something in the core: code beside it that tries to make one does not compile
	$(RUN) -m pytest -q tests/proofs $(ARGS)

panics: wasm $(VENV)/ready ## where the built filter could panic: nowhere in its own code, elsewhere only as accounted for
	$(RUN) -m pytest -q tests/panics $(ARGS)

kong-check: rust $(VENV)/ready ## check what Kong's operators take: declarations, settings, compose file
	$(RUN) -m pytest -q tests/kong_files
	DECK_UPSTREAM_URL=https://upstream.example.com DECK_CLIENT_SECRET=secret DECK_EXCHANGE_CLIENT_SECRET=secret \
	TOKEN_EXCHANGE_CLIENT_SECRET=secret DECK_INTERNAL_ROUTE_SECRET=secret \
	  $(CARGO) run --locked --quiet --package token-exchange-lint -- kong/kong.yml kong/kong-plugin.yml kong/compose.kong.yml \
    kong/consumers-jwt.yml kong/consumers-internal-route.yml

kong-render: $(VENV)/ready $(if $(KONG_BIN),wasm) ## write dist/kong.dbless.yml, kong.yml with the DECK_* variables put in; a KONG_BIN checks it
	@$(RUN) kong/render.py kong/kong.yml dist/kong.dbless.yml
	$(if $(KONG_BIN),@$(RUN) kong/check.py dist/kong.dbless.yml)

deck-validate: ## have decK check kong.yml and kong-plugin.yml (needs deck and the DECK_* variables)
	deck file validate kong/kong.yml
	deck file validate kong/kong-plugin.yml

kong-demo: artefact-and-servers ## the demo with Kong, Keycloak and an MCP server, where there is a Docker engine
	@trap '$(COMPOSE) down --volumes' EXIT; \
	  $(COMPOSE) up --detach; \
	  PYTHONPATH=demo:tests/gateway $(RUN) kong/demo.py --stop '$(COMPOSE) stop keycloak'

mutations: rust $(VENV)/ready ## take each guard of the host shell out, and see a test on a gateway fail (ARGS='--only WORD')
	RUSTFLAGS='$(WASM_RUSTFLAGS)' $(RUN) tests/kong_model/mutate.py $(ARGS)

# Each job works in a copy of the tree and builds there, so that no target folder is shared.
mutants: rust ## change the core's rules one place at a time, and see a native test fail (ARGS='--re src/flow/accept.rs' for one file of them)
	@command -v cargo-mutants > /dev/null \
	  || { echo 'installing cargo-mutants $(CARGO_MUTANTS) ...'; $(CARGO) install --quiet --locked cargo-mutants --version $(CARGO_MUTANTS); }
	@mkdir -p target
	env -u CARGO_TARGET_DIR CARGO_PROFILE_DEV_DEBUG=false $(CARGO) mutants --jobs 2 --output target $(ARGS)

# The filter with traps on demand. Never shipped.
faulty-wasm: rust
	@echo 'building $(FAULTY_WASM) ...'
	RUSTFLAGS='$(WASM_RUSTFLAGS)' $(CARGO) rustc --locked --lib --crate-type cdylib --profile mutation \
	  --features fault-injection --target $(TARGET)
	@mkdir -p $(dir $(FAULTY_WASM))
	@cp $(subst /release/,/mutation/,$(BUILT)) $(FAULTY_WASM)

wasm: rust ## build dist/token_exchange.wasm
	@echo 'building $(WASM) ...'
	RUSTFLAGS='$(WASM_RUSTFLAGS)' $(CARGO) rustc --locked --lib --crate-type cdylib --release --target $(TARGET)
	@mkdir -p $(dir $(WASM))
	@cp $(BUILT) $(WASM)
	@echo "$(WASM): $$(wc -c < $(WASM)) bytes"

bench: rust $(VENV)/ready ## what verifying a token costs over the bare operation, for each algorithm, natively and in Wasm
	$(CARGO) bench --locked --package token-exchange-bench --bench jose $(if $(ARGS),-- $(ARGS))
	RUSTFLAGS='$(WASM_RUSTFLAGS)' $(CARGO) build --locked --package token-exchange-bench --release --target $(TARGET)
	PYTHONPATH=tests/gateway:tests $(RUN) benches/wasm/run.py --wasm $(BENCH_WASM)

flood: wasm $(VENV)/ready ## what floods of refused tokens cost another user, on Envoy: under 50 ms for 99 of 100 requests (half a minute)
	PYTHONPATH=tests/gateway $(RUN) benches/flood.py --wasm $(WASM) $(ARGS)

fuzz: ## fuzz every target (FUZZ_SECONDS each, 60 by default); needs a nightly Rust and cargo-fuzz
	@command -v cargo-fuzz > /dev/null || { echo 'cargo-fuzz is missing: cargo install cargo-fuzz' >&2; exit 1; }
	for target in $$(cargo +nightly fuzz list); do \
	  mkdir -p "target/fuzz-corpus/$$target"; \
	  cargo +nightly fuzz run "$$target" "target/fuzz-corpus/$$target" "fuzz/corpus/$$target" -- -max_total_time=$(or $(FUZZ_SECONDS),60) -rss_limit_mb=4096; done

lint: rust $(VENV)/ready ## formatting and lints, for the native and the wasm target, and for Python
	$(CARGO) fmt --all --check
	$(CARGO) clippy --locked --workspace --all-targets -- -D warnings
	$(CARGO) clippy --locked --package token-exchange --package token-exchange-bench --lib --target $(TARGET) -- -D warnings
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy

fmt: rust $(VENV)/ready ## format everything
	$(CARGO) fmt --all
	$(VENV)/bin/ruff check --fix .
	$(VENV)/bin/ruff format .

doc: rust ## the documentation of the Rust code, without a warning
	RUSTDOCFLAGS='-D warnings -A rustdoc::private_intra_doc_links' $(CARGO) doc --locked --workspace --no-deps --document-private-items

docs: rust ## write kong/token_exchange.meta.json and docs/reference.md from the table of fields
	UPDATE=1 $(CARGO) test --locked --package token-exchange-manual committed

ci: ## everything that has to pass
	.ci/run

requirements: ## lock tests/gateway/requirements.in again
	$(PYTHON) -m venv $(VENV)-lock
	$(VENV)-lock/bin/pip install --quiet pip-tools==7.5.2
	cd $(dir $(REQUIREMENTS)) && ../../$(VENV)-lock/bin/pip-compile --quiet --generate-hashes --strip-extras \
	  --allow-unsafe --no-header --no-emit-index-url --no-emit-trusted-host --no-emit-find-links requirements.in

clean: ## remove what was built
	rm -rf dist target $(VENV) $(VENV)-lock

# The artefact and Python's packages need nothing of each other.
artefact-and-servers:
	@$(MAKE) --no-print-directory --jobs=2 wasm $(VENV)/ready

rust-tests: rust
	$(CARGO) test --locked --workspace --no-run

# Automatic installation of toolchains may be off, so it is asked for by name.
rust:
	@command -v rustup > /dev/null || { echo 'rustup is missing: install it, for instance from the packages of your system' >&2; exit 1; }
	@rustup run $(CHANNEL) rustc --version > /dev/null 2>&1 \
	  || { echo 'installing Rust $(CHANNEL) ...'; rustup toolchain install $(CHANNEL) --profile minimal; }
	@rustup target list --toolchain $(CHANNEL) --installed | grep -qx $(TARGET) \
	  || { echo 'adding the target $(TARGET) ...'; rustup target add --toolchain $(CHANNEL) $(TARGET); }
	@for component in clippy rustfmt; do \
	  rustup component list --toolchain $(CHANNEL) --installed | grep -q "^$$component" \
	  || { echo "adding $$component ..."; rustup component add --toolchain $(CHANNEL) "$$component"; }; done

$(VENV)/ready: $(REQUIREMENTS)
	@command -v $(PYTHON) > /dev/null || { echo 'python3 is missing: install Python 3.11 or later' >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo 'Python 3.11 or later is needed; say which with PYTHON=...' >&2; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2> /dev/null \
	  || { echo "the venv module of Python is missing: install python3-venv" >&2; exit 1; }
	@echo 'making $(VENV) with Envoy and the test servers (once) ...'
	@$(PYTHON) -m venv --clear $(VENV)
	@$(VENV)/bin/pip install --quiet --disable-pip-version-check --require-hashes -r $(REQUIREMENTS)
	@touch $@
