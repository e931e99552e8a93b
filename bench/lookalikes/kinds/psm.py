"""Server metrics, shaped like the Pooled Server Metrics (PSM) of eBay (Abdulaal, Liu and Lancewicki 2021).

Kept: 25 nameless columns a minute (processors, memory, disks, network of application servers), scaled so that most lie
near 0 to 1, many of them near-copies of each other, with the day's swing, nightly jobs, deployments that move levels
for good, spikes that nobody labelled, and missing cells. Anomalies are many and long: over a quarter of the real test
rows, in windows of a minute to days; they show in some columns only, some by their height and some by columns which no
longer go together. Engineers set the labels, so the borders are sloppy. A file is three to four days."""
import numpy as np

from labelled import Labelled, Rules

from ._draws import wander

FILES = 20
RULES = Rules(late=30, quiet=120, probation=500)

COLUMNS = 25
DAY = 1440


def causes(rng, rows: int) -> np.ndarray:
    """What moves the columns: load, memory, disk, network, errors."""
    t = np.arange(rows)
    day = 2 * np.pi * (t / DAY + rng.random())
    load = 0.5 + 0.2 * np.sin(day) + 0.07 * np.sin(2 * day + rng.uniform(0, 6)) + wander(rng, rows, 0.97, 0.04)
    filling = np.cumsum(rng.gamma(1, 1, rows) * (0.5 + load))
    memory = 0.45 + 0.35 * (filling % rng.uniform(1200, 4000)) / 4000 + wander(rng, rows, 0.99, 0.02)
    disk = 0.3 + wander(rng, rows, 0.995, 0.06) + 0.02 * rng.gamma(0.5, 1, rows)
    job = (t + int(rng.integers(DAY))) % DAY < rng.integers(15, 90)
    disk[job] += rng.uniform(0.15, 0.4)
    network = 0.25 + 0.6 * (load - 0.3) + wander(rng, rows, 0.8, 0.03)
    errors = 0.15 + 0.05 * rng.gamma(0.4, 1, rows) + wander(rng, rows, 0.9, 0.01)
    found = np.array([load, memory, disk, network, errors])
    for _ in range(rng.poisson(rows / 2500)):
        # A deployment: another level from now on, which is normal.
        found[rng.integers(5), int(rng.integers(rows)):] += rng.normal(0, 0.05)
    for _ in range(rng.poisson(rows / 400)):
        first = int(rng.integers(rows))
        found[rng.integers(5), first:first + int(rng.integers(1, 6))] += rng.exponential(0.12)
    return found


def plan(rng, rows: int) -> list[tuple[int, int]]:
    """The windows. Most are minutes to hours long, a few a good part of a day, as in the real test set."""
    share = rng.choice([0.05, 0.15, 0.25, 0.4])
    windows, at, used = [], int(rows * rng.uniform(0.14, 0.3)), 0
    while at < rows - 30 and (used < share * rows or not windows):
        length = int(np.clip(rng.lognormal(3.6, 1.5), 2, 1200))
        windows.append((at, min(at + length, rows) - 1))
        used += length
        at += length + 30 + int(rng.exponential(rows * 0.08 if share < 0.3 else rows * 0.03))
    return windows


def make(rng, number: int) -> Labelled:
    """One group of servers."""
    rows = int(rng.integers(4300, 5600))
    hidden = causes(rng, rows)
    windows = plan(rng, rows)
    owner = rng.integers(0, 5, COLUMNS)
    mixing = 0.15 * rng.normal(0, 1, (COLUMNS, 5)) * (rng.random((COLUMNS, 5)) < 0.3)
    mixing[np.arange(COLUMNS), owner] = rng.uniform(0.5, 1.2, COLUMNS) * np.where(rng.random(COLUMNS) < 0.15, -1, 1)
    own = np.zeros((COLUMNS, rows))
    labels = []
    for first, last in windows:
        length = last - first + 1
        kind = rng.choice(["surge", "leak", "outage", "apart", "jitter"], p=[0.35, 0.15, 0.15, 0.2, 0.15])
        shape = np.minimum(1, np.arange(1, length + 1) / max(1, length * rng.uniform(0, 0.3)))
        if kind == "surge":
            touched = rng.choice(5, rng.integers(1, 4), replace=False)
            hidden[touched, first:last + 1] += shape * rng.uniform(0.12, 0.5, (len(touched), 1))
        elif kind == "leak":
            hidden[1, first:last + 1] += np.linspace(0, rng.uniform(0.15, 0.4), length)
        elif kind == "outage":
            hidden[[0, 3], first:last + 1] *= 1 - shape * rng.uniform(0.4, 0.95)
        else:
            touched = rng.choice(COLUMNS, rng.integers(2, 8), replace=False)
            size = rng.uniform(0.08, 0.3, (len(touched), 1))
            sign = rng.choice([-1, 1], (len(touched), 1))
            # Columns which leave those they otherwise go along with, steadily or by shaking.
            own[touched, first:last + 1] += size * (sign * shape if kind == "apart" else rng.normal(0, 1, length))
        early = int(rng.integers(-5, 6)) if length > 20 else 0
        begin = max(first + early, labels[-1][1] + 2 if labels else 0)
        labels.append((begin, max(begin, min(last + int(rng.integers(0, 12)) * (length > 20), rows - 1))))
    table = mixing @ hidden + own
    noise = rng.lognormal(-5, 0.8, COLUMNS)
    columns = {}
    for column in range(COLUMNS):
        # What falls when its cause rises (free memory, say) falls from a full scale.
        base = rng.uniform(0.6, 1.2) if mixing[column, owner[column]] < 0 else rng.uniform(0, 0.4)
        values = table[column] + base + rng.normal(0, 1, rows) * noise[column]
        if rng.random() < 0.12:
            # A figure that moves in coarse steps, as a count of few things does.
            values = np.round(values * 20) / 20
        values = np.clip(values, 0, rng.choice([1.0, 2.0], p=[0.3, 0.7]))
        columns[f"feature_{column}"] = np.round(values, 5)
    for _ in range(rng.poisson(1.5)):
        first, length = int(rng.integers(rows)), int(rng.integers(1, 30))
        for column in rng.choice(COLUMNS, rng.integers(1, COLUMNS + 1), replace=False):
            columns[f"feature_{column}"][first:first + length] = np.nan
    return Labelled(columns, labels, 60.0)
