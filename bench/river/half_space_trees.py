"""Observations a second that river's HalfSpaceTrees scores and learns on one core.

    half_space_trees.py FILE

FILE is what generated_speed wrote: series and value. Each series has fresh trees: 25 of height 8 over the last 8 values,
scaled to 0..1 by the series' least and greatest value, before the clock starts and so at no cost to river.
"""

import csv
import itertools
import sys
import time

from river import anomaly

SHINGLE = 8


def shingles(values):
    """The last SHINGLE values at each row from the first that has as many, as dictionaries."""
    least, greatest = min(values), max(values)
    span = (greatest - least) or 1.0
    scaled = [(value - least) / span for value in values]
    return [dict(enumerate(scaled[end - SHINGLE : end])) for end in range(SHINGLE, len(scaled) + 1)]


def main():
    with open(sys.argv[1], newline="") as file:
        rows = list(csv.DictReader(file))
    series = itertools.groupby(rows, key=lambda row: row["series"])
    series = [shingles([float(row["value"]) for row in group]) for _, group in series]
    checksum = 0.0
    start = time.perf_counter()
    for observations in series:
        trees = anomaly.HalfSpaceTrees(n_trees=25, height=8, seed=1)
        for observation in observations:
            checksum += trees.score_one(observation)
            trees.learn_one(observation)
    seconds = time.perf_counter() - start
    count = sum(map(len, series))
    print(f"observations_a_second={count / seconds:.0f} sum_of_scores={checksum:.1f}")


main()
