# What one can do here. The work is in scripts/.

.DEFAULT_GOAL := help

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1	\2/p' $(MAKEFILE_LIST) | expand -t 20

build: ## the program, quick to run: target/release/webpods
	cargo build --release --locked

install: ## the program into ~/.cargo/bin
	cargo install --path . --locked

test: ## every test, on a lab that is started for it
	scripts/test.sh

demo: ## a fleet on this machine, an app on it, and a new release under load
	scripts/demo.sh

demo-down: ## remove what the demo made
	scripts/demo-down.sh

bench: ## how fast, compared with docker compose
	scripts/bench-config.sh
	scripts/bench.sh

fuzz: ## the Compose loader against input made to break it, for a minute
	scripts/fuzz.sh 60

bench-ship: ## bringing images to hosts, compared with other ways
	scripts/bench-ship.sh

fmt: ## format Rust and Lua
	cargo fmt
	scripts/lua.sh fmt

lint: ## what .ci/run checks besides the tests
	cargo fmt --check
	cargo clippy --all-targets --locked -- --deny warnings
	scripts/lua.sh check

.PHONY: help build install test demo demo-down bench bench-ship fuzz fmt lint
