# What a developer and a user type. Each target names what it needs and installs the rest.

.PHONY: run load test quick bench soak default-snapshot clean

# Builds, starts the service, and watches this very machine.
run:
	@scripts/run.sh

# Keeps every core busy for 30 seconds: with `make run` going for a minute, this causes an alert.
load:
	@scripts/load.sh

# Everything that must hold: format, lints, all tests, AWS clients, the dashboard in a browser.
test:
	@scripts/test.sh

# The part of it that needs Rust alone.
quick:
	cargo fmt --all --check
	cargo clippy --workspace --all-targets -- -D warnings
	cargo test --workspace

# Measures, each figure beside a peer in one run; see docs/BENCHMARKS.md.
bench:
	@scripts/bench.sh

# 100 kills in the middle of a load, 20,000 simulated power losses, and what was lost: nothing, or it fails.
soak:
	@scripts/soak.sh

# Trains the detector's network, on generated series alone, and writes models/default.snapshot: byte for byte the same until
# offline/src/default_snapshot.rs, offline/src/training/, what it generates or the method changes.
default-snapshot:
	cargo run --release --package kizashi-offline --bin default_snapshot -- models/default.snapshot

clean:
	cargo clean
	rm -rf .venv .cache dashboard/web/node_modules dashboard/web/dist tests/browser/node_modules
