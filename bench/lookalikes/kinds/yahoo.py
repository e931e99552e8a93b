"""Shaped like Yahoo's S5 (Laptev, Amizadeh and Flint 2015, "Generic and scalable framework for automated time-series
anomaly detection").

Kept: its four parts in one set, an hour a row, some 1,400 to 1,680 rows. A1 is like real traffic: noise, sparse
counts, days and weeks, standing values, points and stretches that were labelled by hand, with a neighbour too many or
one too few. A2 has one season, a trend and short outliers. A3 has three seasons and outliers of one row. A4 has these
and change points of trend, of season and of noise, each labelled in one row, after which all goes on in the new way.
"""
import numpy as np

from labelled import Labelled, Rules

from ._draws import bump, correlated, day_shape, places

FILES = 40
# Outliers come at random there, but two of them within the quiet time could not be told apart by the rules.
APART = 62
RULES = Rules(late=10, quiet=60, probation=300)


def real_like(rng) -> tuple[np.ndarray, list[tuple[int, int]]]:
    """A1: traffic of some property, as it came."""
    rows = int(rng.integers(1420, 1462))
    hours = np.arange(rows) + int(rng.integers(168))
    nature = rng.choice(["daily", "flat", "sparse", "standing"], p=[0.5, 0.25, 0.15, 0.1])
    scale = 10 ** rng.uniform(-1, 5)
    if nature == "daily":
        shape = day_shape(rng, hours / 24)
        week = np.where(hours // 24 % 7 >= 5, rng.uniform(0.5, 1.1), 1)
        clean = (rng.uniform(0.1, 0.6) + shape * week) * np.exp(0.1 * correlated(rng, rows, 0.99))
        clean *= np.exp(rng.uniform(0.02, 0.15) * correlated(rng, rows, 0.4))
    elif nature == "flat":
        clean = 0.6 + 0.03 * correlated(rng, rows, 0.995) + rng.uniform(0.02, 0.2) * correlated(rng, rows, 0.3)
    elif nature == "sparse":
        clean = rng.poisson(rng.uniform(0.05, 2) * (0.3 + day_shape(rng, hours / 24))) / 20
    else:
        clean = 0.5 + 0.1 * np.round(1.5 * correlated(rng, rows, 0.995))
    value = np.maximum(0, clean)
    if rng.random() < 0.3:
        # A release or a rename: from here on the level is another one, and nobody minds.
        value[int(rng.integers(rows // 5, rows)):] *= rng.uniform(0.6, 1.5)
    spread = max(0.03, float(np.std(value)))
    if rng.random() < 0.1:
        return np.round(value * scale, 4), []
    counts = rng.choice([1, 2, 3, 6], p=[0.4, 0.3, 0.2, 0.1])
    lengths = np.where(rng.random(counts) < 0.55, rng.integers(1, 4, counts), np.exp(rng.normal(2.7, 0.9, counts)))
    # The real ones lie late in their files more often than not.
    windows = places(rng, rows, np.clip(lengths, 1, 120), int(rng.choice([310, 310, 700])), 12)
    for first, last in windows:
        begin = first + int(rng.integers(0, 2)) if last > first + 2 else first
        part = value[begin:last + 1]
        if rng.random() < 0.3 and part.mean() > 2 * spread:
            part *= rng.uniform(0, 0.5)
        else:
            part += spread * rng.uniform(2.5, 12) * bump(len(part), "step" if rng.random() < 0.6 else "hump")
    if rng.random() < 0.2:
        value[int(rng.integers(rows // 5, rows))] += 4 * spread
    value = value * scale
    return np.round(value, 0 if scale > 1000 else 6), windows


def outliers_only(rng) -> tuple[np.ndarray, list[tuple[int, int]]]:
    """A2: one season, a trend, and outliers of up to a few rows."""
    rows = 1421
    at = np.arange(rows)
    size = 10 ** rng.uniform(1.5, 3.5)
    value = (rng.uniform(0, 3) * size * at / rows + rng.uniform(0.3, 1) * size * np.sin(2 * np.pi * at / rng.choice(
        [24, 84, 168, 250])) + size * rng.uniform(0.01, 0.15) * rng.standard_normal(rows))
    windows = places(rng, rows, rng.integers(1, 7, rng.integers(1, 4)), 310, APART)
    for first, last in windows:
        value[first:last + 1] += rng.choice([-1, 1], p=[0.3, 0.7]) * size * rng.uniform(0.8, 3)
    return np.round(np.maximum(value - min(0.0, float(np.min(value))), 0), 2), windows


def seasons(rng, rows: int, turns: list[int]) -> np.ndarray:
    """A3 and A4: trend, three seasons and noise, of which something is drawn anew at each turn."""
    at, value = np.arange(rows), np.zeros(rows)
    slope, noise, sizes = rng.normal(0, 2), rng.uniform(2, 40), rng.uniform(20, 400, 3)
    level = rng.uniform(-1000, 4000)
    for first, last in zip([0, *turns], [*turns, rows]):
        if first:
            change = rng.choice(["slope", "noise", "sizes"])
            if change == "slope":
                slope = rng.normal(0, 4)
            elif change == "noise":
                noise *= rng.choice([0.3, 2.5, 4])
            else:
                sizes = sizes * rng.uniform(0.3, 2.5, 3)
        part = at[first:last]
        waves = sum(s * np.sin(2 * np.pi * part / period) for s, period in zip(sizes, (12, 24, 168)))
        value[first:last] = level + slope * (part - first) + waves + noise * rng.standard_normal(last - first)
        level += slope * (last - first)
    return value


def synthetic(rng, changing: bool) -> tuple[np.ndarray, list[tuple[int, int]]]:
    """A3, or A4 if it is changing."""
    rows = 1680
    windows = places(rng, rows, np.ones(rng.integers(2, 13) if not changing else rng.integers(2, 10)), 310, APART)
    turns = []
    if changing:
        chosen = rng.choice(len(windows), min(len(windows), rng.integers(1, 4)), replace=False)
        turns = sorted(int(windows[k][0]) for k in chosen)
    value = seasons(rng, rows, turns)
    step = float(np.std(np.diff(value)))
    for first, _ in windows:
        if first not in turns:
            value[first] += rng.choice([-1, 1]) * step * rng.uniform(2.5, 9)
    return np.round(value, 4), windows


def make(rng: np.random.Generator, number: int) -> Labelled:
    part = number % 4
    value, windows = (real_like(rng) if part == 0 else outliers_only(rng) if part == 1 else synthetic(rng, part == 3))
    return Labelled({"value": value}, windows, 3600.0)
