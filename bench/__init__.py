"""Benchmarks (`bench NAME`). Their stories are those of the tests (`tests/support`), so they need a checkout."""
