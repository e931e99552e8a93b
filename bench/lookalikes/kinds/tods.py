"""Textbook outliers, shaped like the synthetic sets of TODS (Lai et al. 2021, "Revisiting Time Series Outlier
Detection").

Kept: a sine of some 25 rows with little noise, or a sum of waves, as one column or five, and the five kinds of outliers
of the paper: global points, contextual points, and pieces which differ in shape, in season or in trend. Each file has
one kind, every sixth all of them. Outliers lie anywhere, in one column each. There they are one row in twenty; here up
to one in fifty, since an alert among so many windows would hit one by chance."""
import numpy as np

from labelled import Labelled, Rules

FILES = 36
RULES = Rules(late=15, quiet=60, probation=500)

KINDS = ["global", "contextual", "shapelet", "seasonal", "trend"]


def wave(rng, rows: int) -> tuple[np.ndarray, np.ndarray, float, callable]:
    """A column without outliers and without noise: its values, its phase, its height and its shape."""
    height, period = rng.uniform(0.8, 2), rng.uniform(20, 60)
    phase = 2 * np.pi * np.arange(rows) / period + rng.uniform(0, 6.3)
    if rng.random() < 0.65:
        def shape(at: np.ndarray) -> np.ndarray:
            return height * np.sin(at)
    else:
        second, lead = rng.uniform(0.2, 0.6), rng.uniform(0, 6.3)

        def shape(at: np.ndarray) -> np.ndarray:
            return height * (np.sin(at) + second * np.cos(2 * at + lead))
    return shape(phase), phase, height, shape


def spots(rng, rows: int, ratio: float, length: int) -> list[int]:
    """Where outliers begin: at random, but apart from each other."""
    wanted = max(1, round(ratio * rows / length))
    places = np.sort(rng.integers(int(0.12 * rows), rows - length - 1, 3 * wanted))
    found: list[int] = []
    for at in rng.permutation(places):
        if len(found) < wanted and all(abs(at - other) > length + 25 for other in found):
            found.append(int(at))
    return sorted(found)


def insert(rng, kind: str, values: np.ndarray, at: int, length: int, made: tuple) -> None:
    """Puts one outlier of a kind into a column."""
    clean, phase, height, shape = made
    part = slice(at, at + length)
    if kind == "global":
        values[at] = rng.choice([-1, 1]) * height * rng.uniform(1.6, 4)
    elif kind == "contextual":
        # Within the range of the column, but not where the wave is at that time.
        sign = -1 if clean[at] > 0 else 1
        values[at] = clean[at] + sign * rng.uniform(0.5, 1.0) * (np.abs(clean[at]) + 0.4 * height)
    elif kind == "shapelet":
        form = rng.choice(["square", "saw", "flat"])
        turn = (phase[part] / (2 * np.pi)) % 1
        values[part] = height * {"square": np.sign(np.sin(phase[part])), "saw": 2 * turn - 1,
                                 "flat": np.full(length, rng.uniform(-1, 1))}[form]
        values[part] += rng.normal(0, 0.03, length)
    elif kind == "seasonal":
        factor = rng.choice([1 / 3, 0.5, 2, 3])
        values[part] = shape(phase[at] + factor * (phase[part] - phase[at])) + rng.normal(0, 0.05, length)
    else:
        values[part] += rng.choice([-1, 1]) * rng.uniform(0.5, 2.5) * height * np.arange(1, length + 1) / length


def make(rng, number: int) -> Labelled:
    """One series, or five at once."""
    rows = int(rng.integers(5000, 9000))
    many = 5 if number // 6 % 2 else 1
    mine = KINDS if number % 6 == 5 else [KINDS[number % 6]]
    ratio = rng.choice([0.003, 0.01, 0.02])
    point_like = all(kind in ("global", "contextual") for kind in mine)
    length = 1 if point_like else int(rng.integers(15, 75))
    made = [wave(rng, rows) for _ in range(many)]
    columns = [clean + rng.normal(0, rng.uniform(0.03, 0.08) * height, rows) for clean, _, height, _ in made]
    windows = []
    for at in spots(rng, rows, ratio / 3 if point_like else ratio, length):
        kind, which = str(rng.choice(mine)), int(rng.integers(many))
        insert(rng, kind, columns[which], at, length, made[which])
        windows.append((at, at if kind in ("global", "contextual") else at + length - 1))
    names = ["value"] if many == 1 else [f"col_{k}" for k in range(many)]
    return Labelled(dict(zip(names, columns)), windows, 1.0)
