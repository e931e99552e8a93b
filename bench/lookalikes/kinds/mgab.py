"""Chaos with seams, shaped like the Mackey-Glass Anomaly Benchmark (MGAB; Thill, Konen and Baeck 2020).

Kept: the equation and its parameters (tau 18, n 10, beta 0.25, gamma 0.1), a sample each unit of time, uniform noise of
a hundredth, and anomalies no eye sees: a piece is cut out between two moments of nearly the same value and derivatives,
and the ends are joined. Labelled are some 400 rows about each seam, as there. Files are shorter, so hold 1 to 4 seams
in place of ten in 100,000 rows."""
import numpy as np

from labelled import Labelled, Rules

FILES = 25
RULES = Rules(late=60, quiet=200, probation=1000)

ROWS = 20000
MARGIN = 200  # rows of the window on either side of a seam
SUBSTEPS = 10


def mackey_glass(rng, rows: int) -> np.ndarray:
    """The delay equation, by Heun's rule in tenths of a unit, a random past and its first thousand units left out."""
    delay, step = 18 * SUBSTEPS, 1 / SUBSTEPS
    x = list(0.8 + rng.uniform(-0.3, 0.3) + rng.normal(0, 0.02, delay + 1))
    feed = [0.25 * v / (1 + v ** 10) for v in x]
    for k in range((rows + 1000) * SUBSTEPS):
        now, came, comes = x[-1], feed[k], feed[k + 1]
        slope = came - 0.1 * now
        guess = now + step * slope
        value = now + 0.5 * step * (slope + comes - 0.1 * guess)
        x.append(value)
        feed.append(0.25 * value / (1 + value ** 10))
    return np.array(x[delay + 1 + 1000 * SUBSTEPS::SUBSTEPS])


def best_cut(x: np.ndarray, first: int, last: int) -> tuple[int, int]:
    """The two moments between `first` and `last` that are most alike in value and derivatives, 100 to 600 apart."""
    states = np.column_stack([x, np.gradient(x), np.gradient(np.gradient(x)), np.gradient(np.gradient(np.gradient(x)))])
    states /= states.std(axis=0)
    best = (np.inf, 0, 0)
    for begin in range(first, last - 600):
        apart = ((states[begin + 100:begin + 600] - states[begin]) ** 2).sum(axis=1)
        end = int(apart.argmin())
        best = min(best, (apart[end], begin, begin + 100 + end))
    return best[1], best[2]


def make(rng, number: int) -> Labelled:
    """One series with its seams."""
    seams = int(rng.integers(1, 5))
    raw = mackey_glass(rng, ROWS + 600 * seams)
    # Each seam has its own stretch, so that windows stay apart and the probation is free of them.
    edges = np.linspace(0.15 * ROWS, ROWS - MARGIN, seams + 1).astype(int)
    pieces, windows, begin, cut_out = [], [], 0, 0
    for left, right in zip(edges[:-1], edges[1:]):
        near = int(rng.integers(left + MARGIN, right - MARGIN - 200)) + cut_out
        leave, enter = best_cut(raw, near, near + 800)
        pieces.append(raw[begin:leave])
        at = leave - cut_out
        windows.append((at - MARGIN, min(at + MARGIN, ROWS) - 1))
        begin, cut_out = enter, cut_out + enter - leave
    pieces.append(raw[begin:])
    series = np.concatenate(pieces)[:ROWS] + rng.uniform(-0.01, 0.01, ROWS)
    return Labelled({"value": series}, windows, 1.0)
