"""Speed of every part, beside the machine's own: `python -m benchmarks`."""
