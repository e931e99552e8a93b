"""Shaped like the KPI set of the AIOps challenge of 2018 (IOPS; NetManAIOps, metrics of Sogou, Tencent, eBay, Baidu
and Alibaba), as it is used in Xu et al. 2018 and Ren et al. 2019.

Kept: one metric a minute (or each fifth) of a service, of very different natures and units: volumes with nights and
weekends, delays, failures that are near zero, rates near their top, loads without a rhythm; rows that are missing;
jobs by the clock and peaks that are normal; about 2 % of the rows anomalous in windows from one row to hours, some of
which are obvious and some of which only the operators know; labels that begin late or go on too long. Files are
scaled to two weeks or more.
"""
import numpy as np

from labelled import Labelled, Rules

from ._draws import bump, correlated, places
from ._traffic import DAY, jobs, lost, volume

FILES = 28
RULES = Rules(late=20, quiet=60, probation=1000)


def normal(rng, rows: int, minutes: np.ndarray) -> tuple[np.ndarray, str]:
    """A metric when nothing is wrong, and its nature."""
    nature = str(rng.choice(["volume", "delay", "failures", "rate", "load"], p=[0.4, 0.2, 0.15, 0.1, 0.15]))
    if nature == "volume":
        value = volume(rng, rows, minutes, rng.uniform(0.02, 0.12), rng.uniform(0.01, 0.12))
    elif nature == "delay":
        busy = volume(rng, rows, minutes, 0.05, 0.02)
        value = 1 + rng.uniform(0, 0.6) * busy + 0.1 * correlated(rng, rows, 0.998)
        value += rng.uniform(0.03, 0.15) * rng.gamma(1.5, 1, rows)
    elif nature == "failures":
        value = rng.poisson(rng.uniform(0.2, 8) * volume(rng, rows, minutes, 0.3, 0.1)) / 10
    elif nature == "rate":
        value = 1 - rng.uniform(0.001, 0.02) * rng.gamma(2, 1, rows) * (1 + 0.3 * correlated(rng, rows, 0.99))
    else:
        value = 0.5 + 0.12 * correlated(rng, rows, 0.999) + rng.uniform(0.02, 0.1) * correlated(rng, rows, 0.6)
    if nature in ("volume", "load", "delay") and rng.random() < 0.35:
        value += jobs(rng, minutes) * rng.uniform(0.1, 0.6)
    if nature != "rate" and rng.random() < 0.3:
        # Machines are added or taken away, which is no anomaly.
        value[int(rng.integers(rows // 6, rows)):] *= rng.uniform(0.7, 1.4)
    peaks = rng.random(rows) < rng.choice([0, 0.0003, 0.001])
    value = value + np.where(peaks, rng.exponential(0.6, rows) * np.std(value), 0) * (-1 if nature == "rate" else 1)
    return np.maximum(0, value), nature


def spoil(rng, value: np.ndarray, nature: str, first: int, length: int, local: float) -> None:
    """An incident in these rows; `local` is how much the metric moves from row to row by itself."""
    part = value[first:first + length]
    size = max(local * rng.uniform(4, 14), float(np.nanstd(value)) * np.exp(rng.normal(-0.2, 0.6)))
    form = "step" if length < 5 else str(rng.choice(["step", "hump", "ramp"]))
    up = {"volume": 0.4, "delay": 0.92, "failures": 1, "rate": 0, "load": 0.7}[nature]
    what = rng.choice(["move", "move", "move", "noisy", "still"]) if length > 15 else "move"
    if what == "noisy":
        part += 0.6 * size * rng.standard_normal(length)
    elif what == "still" and nature in ("volume", "load"):
        part[:] = part[0]
    elif rng.random() < up:
        part += size * bump(length, form)
    elif nature == "rate":
        part -= size * bump(length, form) * rng.uniform(1, 4)
    else:
        part *= 1 - bump(length, form) * rng.uniform(0.25, 1)
    np.maximum(part, 0, out=part)


def make(rng: np.random.Generator, number: int) -> Labelled:
    step = 5 if number % 7 == 6 else 1
    rows = int(rng.integers(12000, 15000) if step == 5 else rng.integers(17500, 20001))
    minutes = (np.arange(rows) * step) + int(rng.integers(7 * DAY))
    value, nature = normal(rng, rows, minutes)
    local = float(np.std(np.diff(value))) / 1.4
    count = 1 + rng.poisson(rng.choice([3, 7, 14]))
    # Most are short, and some last for hours.
    lengths = np.exp(np.where(rng.random(count) < 0.75, rng.normal(2.3, 0.9, count), rng.normal(4.6, 0.6, count)))
    windows = places(rng, rows, np.clip(lengths, 1, 700), rows // 8, 70)
    for first, last in windows:
        length = last - first + 1
        early = int(rng.integers(0, 3)) if length > 6 else 0
        spoil(rng, value, nature, first - early, max(1, int(length * rng.uniform(0.75, 1))), local)
    value *= 10 ** rng.uniform(-1, 4)
    value = np.round(value) if nature == "failures" or value.max() > 2000 else np.round(value, 5)
    lost(rng, value, windows, rng.choice([0, 4, 30]), int(rng.choice([3, 15, 60])))
    return Labelled({"value": value}, windows, 60.0 * step)
