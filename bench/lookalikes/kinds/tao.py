"""Buoys in the ocean, shaped like the TAO set (Tropical Atmosphere Ocean project of NOAA PMEL) that works on outliers
of streams use (Tran, Fan and Shahabi 2016) and TSB-AD took over.

Kept: three gauges of a moored buoy - wind speed, humidity and sea surface temperature - every ten minutes, with a weak
tide of the day, fronts and squalls, slow seasons and drift, coarse digits and gaps. Outliers are short, mostly single
rows that lie off in one gauge or in several at once. In TSB-AD they are a good part of all rows and close together;
here they are rarer (half to two rows in a hundred), since an alert between hundreds of windows would hit one by
chance."""
import numpy as np

from labelled import Labelled, Rules

from ._draws import wander

FILES = 24
RULES = Rules(late=10, quiet=60, probation=800)

DAY = 144


def weather(rng, rows: int) -> np.ndarray:
    """Wind (m/s), humidity (%) and sea temperature (degrees), each a column."""
    t = np.arange(rows)
    day = 2 * np.pi * (t / DAY + rng.random())
    season = np.sin(2 * np.pi * (t / (365 * DAY) + rng.random()))
    front = wander(rng, rows, 0.998, 1.0)
    wind = rng.uniform(4, 8) + 1.2 * season + 1.3 * front + wander(rng, rows, 0.93, 0.8) + rng.normal(0, 0.25, rows)
    humidity = rng.uniform(76, 86) - 2 * season + 2.5 * wander(rng, rows, 0.997, 1) + wander(rng, rows, 0.9, 1.2)
    humidity += -1.2 * np.cos(day) - 0.8 * front + rng.normal(0, 0.4, rows)
    sea = rng.uniform(24, 29) + 1.2 * season + wander(rng, rows, 0.9998, 0.5) + wander(rng, rows, 0.99, 0.08)
    # Sun warms the surface on calm days only.
    sea += 0.25 * np.maximum(0, np.cos(day - 0.7)) * np.clip((7 - wind) / 4, 0, 1.5) + rng.normal(0, 0.012, rows)
    for _ in range(rng.poisson(rows / 250)):
        # A squall: wind up, air moist, for half an hour to some hours; normal at sea.
        first, length = int(rng.integers(rows)), int(rng.integers(3, 25))
        hump = np.exp(-np.linspace(0, 3, length))[:max(0, rows - first)]
        wind[first:first + length] += rng.uniform(1.5, 5) * hump
        humidity[first:first + length] += rng.uniform(2, 8) * hump
        sea[first:first + length] -= rng.uniform(0, 0.15) * hump
    return np.column_stack([wind, humidity, sea])


def outlie(rng, table: np.ndarray) -> list[tuple[int, int]]:
    """Puts outliers in, and says where."""
    rows = len(table)
    rough = np.array([1.8, 3.5, 0.35])
    wanted = rng.uniform(0.005, 0.02) * rows
    windows, at, put = [], int(rows * rng.uniform(0.11, 0.2)), 0
    while at < rows - 10 and put < wanted:
        length = int(rng.choice([1, 1, 1, 1, 1, 2, 3, 6]))
        size = rng.lognormal(0.9, 0.5)
        if rng.random() < 0.75:
            gauge = int(rng.integers(3))
            sign = rng.choice([-1, 1])
            table[at:at + length, gauge] += sign * size * rough[gauge]
        else:
            table[at:at + length] += rng.choice([-1, 1], 3) * size * 0.6 * rough
        windows.append((at, at + length - 1))
        put += length
        # They come in swarms, when the buoy has been tampered with or a sensor is about to fail.
        at += length + 1 + int(rng.exponential(15) if rng.random() < 0.3 else rng.exponential(0.85 * rows / wanted))
    return windows


def make(rng, number: int) -> Labelled:
    """Two months of one buoy."""
    rows = int(rng.integers(8000, 11000))
    table = weather(rng, rows)
    windows = outlie(rng, table)
    table[:, 0] = np.round(np.maximum(table[:, 0], 0), 1)
    table[:, 1] = np.round(np.clip(table[:, 1], 20, 100), 1)
    table[:, 2] = np.round(table[:, 2], int(rng.choice([2, 3])))
    for _ in range(rng.poisson(2)):
        first = int(rng.integers(rows))
        table[first:first + int(rng.choice([1, 6, 50])), rng.integers(3)] = np.nan
    return Labelled({"WSPD": table[:, 0], "RH": table[:, 1], "SST": table[:, 2]}, windows, 600.0)
