"""A module for each public benchmark, which draws files of its shape.

Each has `FILES` (how many a set has), `RULES`, and `make(rng, number)`, which draws one file from `rng` alone."""
