"""Synthetic series, shaped like those GutenTAG makes (Wenig, Schmidl, Papenbrock 2022, "TimeEval: a benchmarking
toolkit for time series anomaly detection algorithms").

Kept: ten thousand rows of a base oscillation (sine, heart beats, cylinder-bell-funnel, random walk, polynomial,
random jumps between modes, saw-tooth) with noise of no or a few per cent of its height, sometimes on a slow trend;
one to three anomalies of one or several of its kinds, which last some 80 to 200 rows, a whole cycle at least, an
extremum a single one: amplitude, extremum, frequency, mean, pattern, pattern shift, platform, trend, variance. A base
has but the kinds which make sense for it. Two columns that jump together have mode correlation instead, where one of
them jumps the other way. The shape of a cylinder or a walk is never the same twice, which is normal. None lies in the
first tenth, which the rules do not count."""
import numpy as np

from labelled import Labelled, Rules

from ._draws import apart

FILES = 24
RULES = Rules(late=50, quiet=100, probation=1000)

ROWS = 10000
WAVES = ["amplitude", "extremum", "frequency", "mean", "pattern", "pattern-shift", "platform", "trend", "variance"]
PLAIN = ["extremum", "mean", "platform", "trend", "variance"]
BASES = {"sine": WAVES, "ecg": WAVES, "cbf": [kind for kind in WAVES if kind not in ("frequency", "pattern-shift")],
         "walk": ["amplitude", *PLAIN], "polynomial": PLAIN, "modes": ["amplitude", *PLAIN], "saw": WAVES,
         "two modes": ["mode-correlation"]}


def beat(phase: np.ndarray) -> np.ndarray:
    """A heart beat in each turn of the phase."""
    at = phase % 1
    waves = [(0.18, 0.025, 0.15), (0.29, 0.010, -0.12), (0.32, 0.011, 1.0), (0.35, 0.012, -0.25), (0.6, 0.05, 0.3)]
    return sum(height * np.exp(-0.5 * ((at - place) / width) ** 2) for place, width, height in waves)


def cylinders(rng, strange: list[tuple[int, int]]) -> np.ndarray:
    """Cylinders, bells and funnels one after the other; in the strange rows they are taller, and rough."""
    value, length = np.zeros(ROWS), int(rng.integers(80, 200))
    for begin in range(0, ROWS, length):
        first, last = begin + int(length * rng.uniform(0.1, 0.3)), begin + int(length * rng.uniform(0.6, 0.9))
        last = min(last, ROWS)
        if last - first > 3:
            rise = np.linspace(0, 1, last - first)
            form = [np.ones(last - first), rise, 1 - rise][int(rng.integers(3))]
            value[first:last] = rng.normal(1, 0.1) * form
    for first, last in strange:
        part = value[first:last + 1]
        part *= 1 + rng.uniform(0.4, 1) * np.sin(np.linspace(0, rng.uniform(10, 25), len(part)))
        part += rng.uniform(0.1, 0.3) * np.sin(np.linspace(0, rng.uniform(10, 25), len(part)))
    return value


def jumps(rng) -> np.ndarray:
    """A value that jumps between two modes, at times of its own."""
    stays = rng.integers(*sorted(rng.integers(30, 250, 2) + [0, 20]), ROWS // 20)
    return np.repeat(np.resize([1.0, -1.0], len(stays)), stays)[:ROWS]


def oscillation(rng, base: str, placed: list[tuple[str, int, int]]) -> np.ndarray:
    """The base, with those anomalies which are in its making: of frequency, of phase and of shape."""
    if base == "walk":
        walk = np.cumsum(rng.normal(0, 1, ROWS))
        # It is drawn home a little, so that its end is not far from its begin.
        walk -= np.linspace(0, walk[-1] * rng.uniform(0.5, 1), ROWS)
        return 2 * walk / np.ptp(walk)
    if base == "polynomial":
        at = np.linspace(-1, 1, ROWS)
        value = np.polyval(rng.normal(0, 1, int(rng.integers(3, 6))), at)
        return 2 * value / np.ptp(value)
    if base == "cbf":
        return cylinders(rng, [(first, last) for kind, first, last in placed if kind == "pattern"])
    if base == "modes":
        return jumps(rng)
    rate, shift = np.full(ROWS, 1 / rng.uniform(25, 80)), np.zeros(ROWS)
    for kind, first, last in placed:
        if kind == "frequency":
            rate[first:last + 1] *= rng.choice([rng.uniform(0.35, 0.65), rng.uniform(1.5, 3)])
        elif kind == "pattern-shift":
            # The pattern comes early or late, and back, each within some rows.
            ease = np.minimum(1, np.minimum(np.arange(last - first + 1), np.arange(last - first + 1)[::-1]) / 10)
            shift[first:last + 1] = ease * rng.choice([-1, 1]) * rng.uniform(0.12, 0.35)
    phase = np.cumsum(rate) + shift + rng.random()
    shape = {"sine": lambda at: np.sin(2 * np.pi * at), "ecg": beat, "saw": lambda at: 2 * (at % 1) - 1}[base]
    value = shape(phase)
    for kind, first, last in placed:
        if kind == "pattern":
            steep = rng.uniform(3, 12)
            part = value[first:last + 1]
            value[first:last + 1] = np.arctan(steep * part) / np.arctan(steep) if base == "sine" else part[::-1].copy()
    return value


def spoil(rng, value: np.ndarray, kind: str, first: int, last: int, walks: bool) -> None:
    """Changes these rows of a series of height 2 or so."""
    part, length = value[first:last + 1], last - first + 1
    level = part.mean() if walks else 0
    sign = rng.choice([-1, 1])
    if kind == "amplitude":
        hill = np.minimum(1, 3 * np.sin(np.linspace(0.1, np.pi - 0.1, length)))
        # About a level of its own if it has one, so that a walk far off is no step.
        part += (part - level) * hill * (rng.choice([rng.uniform(0.3, 0.6), rng.uniform(1.4, 2.2)]) - 1)
    elif kind == "extremum":
        near = value[max(0, first - 100):first + 100]
        # One that stands out of all rows, or only of those about it.
        part[:] = rng.choice([near.mean() + sign * np.ptp(near) * rng.uniform(0.8, 1.2),
                              value.mean() + sign * np.ptp(value) * rng.uniform(0.6, 1)])
    elif kind == "mean":
        part += sign * rng.uniform(0.25, 1)
    elif kind == "platform":
        part[:] = rng.uniform(-0.5, 0.5) if np.ptp(part) > 0.5 else part.mean() + sign * rng.uniform(0.1, 0.5)
    elif kind == "trend":
        part += sign * rng.uniform(0.4, 1.2) * np.linspace(0, 1, length) ** rng.choice([1, 2])
    elif kind == "variance":
        part += rng.normal(0, rng.uniform(0.15, 0.5), length)


def make(rng: np.random.Generator, number: int) -> Labelled:
    base = list(BASES)[number % len(BASES)]
    kinds = [str(rng.choice(BASES[base])) for _ in range(int(rng.choice([1, 1, 2, 3])))]
    lengths = [1 if kind == "extremum" else int(rng.integers(80, 201)) for kind in kinds]
    places = apart(rng, ROWS - 100, lengths, RULES.probation + 100, 400)
    placed = [(kind, begin, begin + length - 1) for kind, begin, length in zip(kinds, places, lengths)]
    noise = float(rng.choice([0.0, 0.01, 0.03, 0.1], p=[0.15, 0.35, 0.3, 0.2]))
    slow = np.linspace(0, rng.uniform(-2, 2), ROWS) if rng.random() < 0.2 else 0
    if base == "two modes":
        mode = jumps(rng)
        other = mode * rng.uniform(0.5, 1.5)
        for _, first, last in placed:
            other[first:last + 1] *= -1
        columns = {f"value-{k}": column + rng.normal(0, noise, ROWS) for k, column in enumerate([mode, other])}
    else:
        value = oscillation(rng, base, placed) + rng.normal(0, noise, ROWS)
        for kind, first, last in placed:
            spoil(rng, value, kind, first, last, base == "walk")
        columns = {"value-0": value + slow}
    return Labelled(columns, [(first, last) for _, first, last in placed], 1.0)
