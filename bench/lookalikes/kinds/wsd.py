"""Shaped like WSD, the web service dataset (Zhang et al. 2022, NetManAIOps, metrics of Baidu, Sogou and eBay).

Kept: page views, delays and success rates of large web services a minute, the most of them with a marked day and a
weekend, fairly smooth for they sum over many customers; anomalies that are far rarer than in the KPI set (half a
percent of the rows, a handful a file), some tens of rows long: sudden drops and rises, those which come back by and
by, dents in a rush hour that stay inside of the day's range, and short spikes; holidays and promotions that are
normal.
"""
import numpy as np

from labelled import Labelled, Rules

from ._draws import bump, correlated, places
from ._traffic import DAY, lost, volume

FILES = 30
RULES = Rules(late=20, quiet=60, probation=1000)


def normal(rng, rows: int, minutes: np.ndarray) -> tuple[np.ndarray, str]:
    """A metric when nothing is wrong, and its nature."""
    nature = str(rng.choice(["views", "delay", "success"], p=[0.65, 0.2, 0.15]))
    asked = volume(rng, rows, minutes, rng.uniform(0.01, 0.06), rng.uniform(0.005, 0.05))
    if rng.random() < 0.25:
        # A holiday: a day on which all is quieter, or later, than on others.
        first = int(rng.integers(rows - DAY))
        eased = np.minimum(1, np.minimum(np.arange(DAY), np.arange(DAY)[::-1]) / 120)
        asked[first:first + DAY] *= 1 + (rng.uniform(0.6, 1.2) - 1) * eased
    if nature == "views":
        scale = 10 ** rng.uniform(1.3, 5.3)
        if rng.random() < 0.3:
            push = rng.random(rows) < 0.0006
            asked += np.convolve(push, 0.3 * np.exp(-np.arange(20) / 5.0))[:rows]
        return rng.poisson(asked * scale).astype(float), nature
    if nature == "delay":
        calm = rng.uniform(40, 900) * (1 + rng.uniform(0, 0.3) * asked + 0.04 * correlated(rng, rows, 0.998))
        noisy = calm * (1 + rng.uniform(0.01, 0.06) * rng.standard_normal(rows))
        return np.where(rng.random(rows) < 0.001, noisy * rng.uniform(1.1, 1.5, rows), noisy), nature
    # A share of a finite number of requests: the fewer there are at night, the more it jumps.
    requests = np.maximum(30, asked * 10 ** rng.uniform(2.5, 4.5)).astype(int)
    return 100 * rng.binomial(requests, rng.uniform(0.97, 0.999)) / requests, nature


def spoil(rng, value: np.ndarray, nature: str, first: int, length: int, local: float) -> None:
    """An incident in these rows; `local` is how much the metric moves from row to row by itself."""
    part = value[first:first + length]
    # Somebody saw it, so it stands out from how the metric moves from row to row.
    seen = rng.uniform(2.5, 4) * local / max(1e-9, float(part.mean()))
    depth = np.clip(np.exp(rng.normal(-1.1, 0.6)), 0.1, 0.97)
    form = "step" if length < 5 else str(rng.choice(["step", "hump", "ramp"]))
    shape = bump(length, form)
    if form == "step" and length > 10 and rng.random() < 0.5:
        # It breaks at once, and comes back by and by.
        shape = np.exp(-np.linspace(0, 3, length))
    if nature == "success":
        part -= 40 * depth ** 2 * shape
        np.clip(part, 0, 100, out=part)
    elif nature == "delay" or seen > 0.97 or rng.random() < 0.3:
        part *= 1 + max(seen, rng.uniform(0.7, 2) * depth) * shape
    else:
        part *= 1 - max(seen, depth) * shape


def make(rng: np.random.Generator, number: int) -> Labelled:
    rows = int(rng.integers(16000, 19000))
    minutes = np.arange(rows) + int(rng.integers(7 * DAY))
    value, nature = normal(rng, rows, minutes)
    lengths = np.clip(np.exp(rng.normal(2.6, 1.0, 1 + rng.poisson(3.5))), 1, 300)
    windows = places(rng, rows, lengths, rows // 8, 120)
    local = float(np.std(np.diff(value))) / 1.4
    for first, last in windows:
        # Who labelled them marked some rows more than there are, in front or behind.
        length = last - first + 1
        spoil(rng, value, nature, first + int(rng.integers(0, 1 + length // 8)), max(1, int(length * 0.85)), local)
    value = np.round(value) if nature == "views" else np.round(value, 3)
    lost(rng, value, windows, rng.choice([0, 0, 3]), 30)
    return Labelled({"value": value}, windows, 60.0)
