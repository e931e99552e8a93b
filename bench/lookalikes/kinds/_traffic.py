"""Metrics of services a minute, of which two kinds are made: how they go when nothing is wrong."""
import numpy as np

from ._draws import correlated, day_shape

DAY = 1440


def volume(rng, rows: int, minutes: np.ndarray, wander: float, grain: float) -> np.ndarray:
    """What customers ask for: nights, weekends, weather, and the noise of counting; about 1 at the busiest."""
    shape = day_shape(rng, minutes / DAY, int(rng.integers(2, 6)))
    weekend = np.where((minutes // DAY) % 7 >= 5, rng.uniform(0.6, 1.15), 1)
    # Each day is its own: a little busier or less so, and its rush a little earlier or later.
    days = np.exp(0.05 * rng.standard_normal(int(minutes[-1]) // DAY + 2))
    eased = np.interp(minutes / DAY, np.arange(len(days)), days)
    value = (rng.uniform(0.05, 0.4) + shape) * weekend * eased
    return value * np.exp(wander * correlated(rng, rows, 0.995) + grain * rng.standard_normal(rows))


def jobs(rng, minutes: np.ndarray) -> np.ndarray:
    """What runs by the clock, and is normal: peaks each hour or once a day, of one size or of several."""
    every = int(rng.choice([60, 360, DAY, DAY]))
    running = minutes % every < rng.integers(2, 3 + every // 40)
    sizes = 1 + 0.3 * rng.standard_normal(int(minutes[-1]) // every + 2)
    return np.where(running, sizes[minutes // every], 0)


def lost(rng, value: np.ndarray, windows: list[tuple[int, int]], holes: float, longest: int) -> None:
    """Rows that never came; none in a window, for nobody labels what isn't there."""
    for _ in range(rng.poisson(holes)):
        first = int(rng.integers(len(value)))
        lose(value, windows, first, first + int(rng.integers(1, longest + 1)))


def lose(value: np.ndarray, windows: list[tuple[int, int]], first: int, end: int) -> None:
    """Rows from `first` to before `end` that never came, where none of them is in a window."""
    if all(end <= begin or last < first for begin, last in windows):
        value[first:end] = np.nan
