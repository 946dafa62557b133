# What a person does with this repository. `make` alone lists it.
.DEFAULT_GOAL := help
.PHONY: help demo test test-s3 test-engines soak soak-hunts fmt lint bench bench-vql bench-log gui gui-test need-rust need-node

RUST_MIN  := 1.95
NODE_MIN  := 20
CARGO     ?= cargo
NPM       ?= npm
AGENTS    ?= 5
# Hunts of a soak.
SOAK_ROUNDS ?= 500
# `--offline`, `--locked` and the like.
CARGO_FLAGS ?=
# Where the GUI's packages were installed last, so that a second build does not ask the registry.
GUI_STAMP := gui/node_modules/.lycaon-installed

# Files that a list declares (`one_file_each!`): the formatter does not find them by itself.
LISTED_FILES = $(wildcard crates/*/src/functions/*.rs crates/*/src/plugins/*.rs crates/*/src/*/functions/*.rs crates/*/src/*/plugins/*.rs)

help: ## List the targets
	@printf 'Lycaon. Targets:\n\n'
	@awk -F':.*## ' '/^[a-z0-9-]+:.*## /{printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@printf '\nNeeds: Rust >= %s, a C compiler, and Node >= %s for the web interface.\n' $(RUST_MIN) $(NODE_MIN)

demo: need-rust gui-if-node ## Build, then start server, GUI and 5 agents on this machine and run a hunt
	@printf '%s\n' \
	  '== Building lycaon and lycaon-agent (profile `demo`).' \
	  '   The first build compiles everything: about 10 minutes on 2 quiet cores; later ones take seconds.'
	@start=$$(date +%s); \
	  $(CARGO) build $(CARGO_FLAGS) --profile demo -p lycaon -p lycaon-agent && \
	  echo "== Built in $$(( $$(date +%s) - start )) s. Starting the demo; Ctrl-C ends it."
	@$(CARGO) run $(CARGO_FLAGS) --quiet --profile demo -p lycaon -- demo --agents $(AGENTS) $(DEMO_FLAGS)

test: need-rust ## Run every test: crates, programs, GUI
	@if $(CARGO) nextest --version >/dev/null 2>&1; then \
	  echo '== cargo nextest run --workspace'; $(CARGO) nextest run $(CARGO_FLAGS) --workspace --no-fail-fast; \
	else \
	  echo '== cargo test --workspace (cargo-nextest is not installed)'; $(CARGO) test $(CARGO_FLAGS) --workspace --no-fail-fast; \
	fi
	@$(MAKE) --no-print-directory test-s3
	@$(MAKE) --no-print-directory gui-test

# A workspace of its own (s3/Cargo.toml says why), built beside the others.
test-s3: need-rust ## Test the store of files against a real S3 server
	@target=$$($(CARGO) metadata --no-deps --offline --format-version 1 | sed 's/.*"target_directory":"\([^"]*\)".*/\1/'); \
	  echo '== cargo test --manifest-path s3/Cargo.toml'; \
	  $(CARGO) test $(CARGO_FLAGS) --manifest-path s3/Cargo.toml --target-dir "$$target"

test-engines: need-rust ## Test log engines against servers from PyPI (ClickHouse, Sail, an OpenSearch stand-in); needs Python
	@CARGO='$(CARGO)' CARGO_FLAGS='$(CARGO_FLAGS)' sh crates/engine-remote/tests/real/run.sh

soak-hunts: need-rust ## Kill servers, nodes and agents 500 times during hunts, on both pairs of stores; takes an hour
	LYCAON_SOAK_ROUNDS=$(SOAK_ROUNDS) $(CARGO) test $(CARGO_FLAGS) -p lycaon --test it -- --nocapture --exact \
	  survive::nothing_is_lost_or_doubled_when_anybody_is_killed_at_any_moment
	LYCAON_SOAK_ROUNDS=$(SOAK_ROUNDS) $(CARGO) test $(CARGO_FLAGS) -p lycaon --test it -- --nocapture --exact \
	  survive_nodes::nothing_is_lost_or_doubled_when_nodes_and_agents_are_killed_at_any_moment

soak: need-rust ## Kill servers, agents and schedulers 200 times and more, and simulate 10000 seeds; takes hours
	LYCAON_SOAK_ROUNDS=200 $(CARGO) test $(CARGO_FLAGS) -p lycaon --test it survive
	SIM_SEEDS=10000 $(CARGO) test $(CARGO_FLAGS) --release -p sim --test it -- --nocapture --exact \
	  estate::estates_hold_their_promises_under_faults hunts_hold_their_promises_under_faults
	SIM_SEEDS=2000 $(CARGO) test $(CARGO_FLAGS) -p sim --test it log_hunts

fmt: need-rust ## Format the code
	$(CARGO) fmt --all
	$(CARGO) fmt --manifest-path s3/Cargo.toml
	rustfmt --edition 2024 $(LISTED_FILES)

lint: need-rust ## Check formatting and lints, warnings denied
	$(CARGO) fmt --all --check
	$(CARGO) fmt --manifest-path s3/Cargo.toml --check
	rustfmt --edition 2024 --check $(LISTED_FILES)
	$(CARGO) clippy $(CARGO_FLAGS) --workspace --all-targets -- -D warnings

bench: need-rust ## Measure 2000 agents against one server; prints figures as JSON (docs/BENCHMARKS.md)
	@echo '== Building with the release profile; the first time this takes about 10 minutes on 2 cores.'
	$(CARGO) build $(CARGO_FLAGS) --release -p lycaon -p lycaon-agent
	$(CARGO) run $(CARGO_FLAGS) --quiet --release -p lycaon -- bench swarm --agents 2000 --hunts 3 --poll-secs 60 --idle-secs 60

bench-vql: need-rust ## Measure queries on this machine; prints figures as JSON (docs/BENCHMARKS.md)
	@echo '== Building with the release profile; the first time this takes about 10 minutes on 2 cores.'
	$(CARGO) build $(CARGO_FLAGS) --release -p lycaon
	$(CARGO) run $(CARGO_FLAGS) --quiet --release -p lycaon -- bench vql

bench-log: need-rust ## Measure log hunts on this machine; prints figures as JSON (docs/BENCHMARKS.md)
	@echo '== Building with the release profile; the first time this takes about 10 minutes on 2 cores.'
	$(CARGO) build $(CARGO_FLAGS) --release -p lycaon
	$(CARGO) run $(CARGO_FLAGS) --quiet --release -p lycaon -- bench log scheduler
	$(CARGO) run $(CARGO_FLAGS) --quiet --release -p lycaon -- bench log outage
	$(CARGO) run $(CARGO_FLAGS) --quiet --release -p lycaon -- bench log policy

gui: need-node $(GUI_STAMP) ## Build the web interface into gui/dist
	cd gui && $(NPM) run --silent build

$(GUI_STAMP): gui/package.json gui/package-lock.json
	cd gui && $(NPM) ci --no-audit --no-fund
	@touch $(GUI_STAMP)

# The tests of the GUI need Node; those in a browser need Chromium as well.
gui-test:
	@if ! command -v node >/dev/null 2>&1; then \
	  echo 'GUI tests left out: Node >= $(NODE_MIN) is not installed'; \
	elif [ -n "$$CI" ]; then $(MAKE) --no-print-directory gui-test-all; \
	elif command -v chromium >/dev/null 2>&1; then $(MAKE) --no-print-directory gui-test-all; \
	else \
	  $(MAKE) --no-print-directory gui && cd gui && $(NPM) test && \
	  echo 'GUI tests in a browser left out: chromium is not installed'; \
	fi

.PHONY: gui-test-all gui-if-node
gui-test-all: gui
	cd gui && $(NPM) test
	cd gui && $(NPM) run e2e
	@echo '== the same stories in the browser against a real server with agents'
	@target=$$($(CARGO) metadata --no-deps --offline --format-version 1 | sed 's/.*"target_directory":"\([^"]*\)".*/\1/'); \
	  "$$target/debug/lycaon" demo --log-tenants 3 -- $(NPM) --prefix gui run e2e

gui-if-node:
	@if command -v node >/dev/null 2>&1; then $(MAKE) --no-print-directory gui; \
	else echo 'Node >= $(NODE_MIN) is not installed: the demo runs without its web interface (see README.md).'; fi

need-rust:
	@command -v $(CARGO) >/dev/null 2>&1 || { \
	  echo 'Missing: Rust >= $(RUST_MIN) (cargo is not on the PATH). Install it from https://rustup.rs'; exit 1; }
	@have=$$(rustc --version | cut -d' ' -f2); \
	  [ "$$(printf '%s\n' $(RUST_MIN) "$$have" | sort -V | head -n1)" = '$(RUST_MIN)' ] || { \
	  echo "Too old: Rust $$have; Lycaon needs >= $(RUST_MIN). Run \`rustup update stable\`."; exit 1; }
	@command -v cc >/dev/null 2>&1 || command -v gcc >/dev/null 2>&1 || command -v clang >/dev/null 2>&1 || { \
	  echo 'Missing: a C compiler (SQLite and the cryptography need one). Debian: apt-get install gcc libc6-dev'; exit 1; }

need-node:
	@command -v node >/dev/null 2>&1 && command -v $(NPM) >/dev/null 2>&1 || { \
	  echo 'Missing: Node >= $(NODE_MIN) with npm, for the web interface. Debian: apt-get install nodejs npm'; exit 1; }
	@have=$$(node --version | sed 's/^v//; s/\..*//'); [ "$$have" -ge $(NODE_MIN) ] || { \
	  echo "Too old: Node $$have; the web interface needs >= $(NODE_MIN)."; exit 1; }
