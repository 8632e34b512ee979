"""Side-by-side measurements against the reference stack: `python -m benchmarks [--quick]`."""
