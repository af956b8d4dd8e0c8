#!/usr/bin/env bash
# The tests of the core and of the rings under AddressSanitizer, which needs a nightly toolchain.
set -euo pipefail
target=$(rustc -vV | sed -n 's/^host: //p')
RUSTFLAGS=-Zsanitizer=address cargo +nightly test -p miolo-node -p miolo --tests --target "$target" --target-dir target/asan
