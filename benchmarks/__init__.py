"""Times every part, and compares it with the speed of the machine: `python -m benchmarks`."""
