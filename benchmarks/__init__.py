"""How fast, beside what, and how far from the machine's limit. See docs/benchmarks.md."""
