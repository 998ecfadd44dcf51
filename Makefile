# make demo      two images, four commits, a local AWS: real deploys to watch, a canary among them
# make test      everything but the full matrices
# make test-all  what make test leaves out: the full matrices, and 20,000 cases a property, which the commit chooses:
#                a red run is red again for whoever runs the same commit; PROPTEST_RNG_SEED=N tries others
# make docs      the book of docs/ as pages, in target/book
# make bench     the figures in the README; ONLY=build takes one of them
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.ONESHELL:
.PHONY: demo test test-all docs bench build engine base-images tools venv browser
MAKEFLAGS += --no-print-directory

export SHIPIT_VENV := $(CURDIR)/.venv
VENV_READY := .venv/requirements.txt

# recipes that use the engine begin with this: it may be elsewhere than where clients look
with_engine = found="$$(scripts/engine)" && eval "$$found"

demo: build base-images
	$(with_engine)
	scripts/demo

test: build tools
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --locked -- -D warnings
	$(with_engine)
	cargo test --workspace --locked -- --include-ignored --skip full_matrix_

test-all: build tools browser
	$(with_engine)
	commit=$$(git rev-parse HEAD || echo 0)
	export PROPTEST_RNG_SEED=$${PROPTEST_RNG_SEED:-$$((16#$${commit:0:15}))}
	PROPTEST_CASES=20000 cargo test --workspace --locked
	cargo test --locked --test it -- --ignored full_matrix_

docs:
	scripts/docs

bench: tools
	cargo build --release --locked --package shipit --package shipit-bench
	$(with_engine)
	benches/run $(if $(ONLY),--only $(ONLY))

build:
	cargo build --workspace --all-targets --locked

engine:
	scripts/engine

base-images: engine
	$(with_engine)
	scripts/base-images

tools: base-images venv
	scripts/tools

browser: venv
	scripts/browser

venv: $(VENV_READY)

$(VENV_READY): tests/python/requirements.txt tests/python/ministack.txt
	scripts/venv $^
