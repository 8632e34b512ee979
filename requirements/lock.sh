#!/usr/bin/env bash
# Renews the three locks. No option names a package index, so no lock file does.
set -euo pipefail
cd "$(dirname "$0")/.."
compile() {
  uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
    --no-emit-index-url --no-annotate --no-header pyproject.toml "$@"
}
compile --extra dev --group build -o requirements/dev.txt
compile --extra apps --group build -c requirements/dev.txt -o requirements/product.txt
compile -c requirements/dev.txt -o requirements/inspector.txt
