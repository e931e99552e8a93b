"""What several kinds share: correlated noise, places for windows, the rhythm of a day."""
from itertools import accumulate

import numpy as np


def correlated(rng: np.random.Generator, rows: int, decay: float) -> np.ndarray:
    """Noise of variance 1, each row of which keeps `decay` of the row before; already under way in the first."""
    shocks = (rng.standard_normal(rows) * np.sqrt(1 - decay * decay)).tolist()
    value, kept = float(rng.standard_normal()), []
    for shock in shocks:
        value = decay * value + shock
        kept.append(value)
    return np.array(kept)


def wander(rng, shape, keep: float, deviation: float = 1.0) -> np.ndarray:
    """Noise that settles at this deviation, each row of which keeps `keep` of the row before; it sets out from about 0.
    `shape` is the number of rows, or that and of columns which have nothing in common."""
    kicks = rng.normal(0, deviation * np.sqrt(1 - keep * keep), shape)
    return np.array(list(accumulate(kicks, lambda held, kick: keep * held + kick)))


def lagged(values: np.ndarray, keep: float, start: float | None = None) -> np.ndarray:
    """What follows `values` with a lag, as water in a tank does: from `start` on, or from the first of them."""
    held = accumulate(values, lambda held, now: keep * held + (1 - keep) * now, initial=start)
    return np.array(list(held)[-len(values):])


def apart(rng, rows, lengths, first, gap):
    """Begins of windows of these lengths, in order and at least `gap` rows apart."""
    cuts = np.sort(rng.integers(0, rows - first - sum(lengths) - gap * len(lengths) + 1, len(lengths)))
    return [int(first + cut + sum(lengths[:i]) + gap * i) for i, cut in enumerate(cuts)]


def places(rng: np.random.Generator, rows: int, lengths, first: int, gap: int) -> list[tuple[int, int]]:
    """Windows of these lengths in random order, none before the row `first`, at least `gap` rows apart; those that
    don't fit are left out."""
    lengths = [int(n) for n in rng.permutation(np.asarray(lengths, int))]
    while lengths and sum(lengths) + gap * len(lengths) > rows - first:
        lengths.remove(max(lengths))
    return [(begin, begin + n - 1) for begin, n in zip(apart(rng, rows, lengths, first, gap), lengths)]


def joined(windows) -> list[tuple[int, int]]:
    """Windows, in the order of their begins, of which those that touch or overlap are one."""
    found = []
    for first, last in windows:
        if found and first <= found[-1][1] + 1:
            first, last = found[-1][0], max(last, found.pop()[1])
        found.append((first, last))
    return found


def day_shape(rng: np.random.Generator, phase: np.ndarray, harmonics: int = 4) -> np.ndarray:
    """A smooth rhythm over `phase` in days, from 0 in the still of the night to 1 at the busiest time."""
    shape = np.zeros(len(phase))
    for k in range(1, harmonics + 1):
        shape += rng.normal(1 if k == 1 else 0, 0.5) / k * np.sin(2 * np.pi * k * phase + rng.uniform(0, 2 * np.pi))
    return (shape - shape.min()) / (np.ptp(shape) or 1)


def bump(length: int, form: str) -> np.ndarray:
    """How strong an effect is in each row of it, 0 to 1: at once, growing, or coming and going."""
    at = np.linspace(0, 1, length)
    if form == "step":
        return np.ones(length)
    if form == "ramp":
        return 0.15 + 0.85 * at
    return np.minimum(1, 0.2 + 1.6 * np.minimum(at, 1 - at))


def smooth(values: np.ndarray, width: int) -> np.ndarray:
    """A moving mean that keeps the length."""
    padded = np.pad(values, (width // 2, width - 1 - width // 2), mode="edge")
    return np.convolve(padded, np.ones(width) / width, "valid")
