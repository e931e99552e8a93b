"""Shaped like the UCR (Hexagon, KDD 2021) anomaly archive (Wu and Keogh 2021, "Current time series anomaly detection
benchmarks are flawed and are creating the illusion of progress").

Kept: one value, one anomaly a file, behind a stretch without any; many domains (hearts, blood pressure, breath, gait,
insects, power, air temperature, markers on moving people, a machine); anomalies that are either natural to a domain
(an early beat, a holiday, a step with a limp) or edits of a single cycle, most of them inside the range of normal
values; exact labels; "distorted" twins with noise or a wandering base. Files are cut to at most 16,000 rows.
"""
import numpy as np

from labelled import Labelled, Rules

from ._draws import correlated, day_shape

FILES = 36
RULES = Rules(late=60, quiet=150, probation=1000)

DOMAINS = ["ecg", "pressure", "gait", "insect", "power", "air", "marker", "breath", "machine"]
EDITS = ["flip", "reverse", "scale", "smooth", "noise", "stretch", "still", "spike", "lift", "skip"]


def hills(length: int, parts) -> np.ndarray:
    """A cycle made of hills, each with its place (0 to 1), width and height."""
    at = np.linspace(0, 1, length, endpoint=False)
    return sum(height * np.exp(-0.5 * ((at - place) / width) ** 2) for place, width, height in parts)


def cycle_drawer(rng, domain: str):
    """Returns the mean length of a cycle, how much lengths differ, and a function that draws a cycle of a given length,
    by its number and whether it is the odd one."""
    if domain == "ecg":
        height = rng.uniform(0.8, 1.5)
        tall = rng.uniform(0.15, 0.4) * rng.choice([1, 1, -1])
        parts = [(0.22, 0.03, 0.12), (0.37, 0.008, -0.12), (0.4, 0.011, height), (0.43, 0.01, -0.3), (0.65, 0.05, tall)]
        early = [(0.3, 0.05, 0.75 * height), (0.42, 0.06, -0.45), (0.62, 0.07, -0.8 * tall)]
        return rng.uniform(130, 260), 0.05, lambda n, number, odd: hills(n, early if odd else parts)
    if domain == "pressure":
        notch = rng.uniform(0.2, 0.45)

        def pulse(n, number, odd):
            return (hills(n, [(0.2, 0.09, 1.0), (0.38, 0.13, 0.6), (0.55, 0.05, notch * (not odd))])
                    * (1 + 0.05 * np.sin(number / 2.3)))
        return rng.uniform(100, 220), 0.03, pulse
    if domain == "gait":
        left, right = rng.uniform(0.7, 1.1, 2)

        def step(n, number, odd):
            limp = rng.uniform(0.6, 0.8) if odd else 1
            return hills(n, [(0.22, 0.07, left), (0.5 - 0.08 * odd, 0.08, right * limp), (0.36, 0.12, 0.4)])
        return rng.uniform(150, 300), 0.03, step
    if domain == "insect":
        return rng.uniform(40, 110), 0.18, lambda n, number, odd: (
            np.linspace(0, 1, n) ** rng.uniform(0.5, 2) * rng.uniform(0.7, 1.3) * (0.5 if odd else 1)
            + (0.3 if odd else 0.1) * np.sin(np.linspace(0, rng.uniform(10, 25), n)))
    if domain == "power":
        work, rest = rng.uniform(0.7, 1.2), rng.uniform(0.1, 0.3)

        def day(n, number, odd):
            busy = 0 if odd or number % 7 >= 5 else work * rng.uniform(0.93, 1.05)
            return rest + busy * hills(n, [(0.42, 0.07, 1.0), (0.62, 0.08, 0.95)]) + 0.05 * hills(n, [(0.85, 0.1, 1)])
        return 96, 0, day
    if domain == "air":
        def weather(n, number, odd):
            warm = 6 * np.sin(number / 58) + rng.normal(0, 0.8)
            swing = rng.uniform(3, 7) * (0.2 if odd else 1)
            return 14 + warm - swing * np.cos(2 * np.pi * (np.linspace(0, 1, n, endpoint=False) - 0.1))
        return 24, 0, weather
    shape = day_shape(rng, np.linspace(0, 1, 400, endpoint=False), 3 if domain == "breath" else 6)
    spread = {"marker": 0.05, "breath": 0.12, "machine": 0.004}[domain]

    def repeated(n, number, odd):
        return np.interp(np.linspace(0, 400, n, endpoint=False), np.arange(401), np.append(shape, shape[0])) * (
            1 + spread * rng.standard_normal()) * (0.6 if odd else 1)
    return rng.uniform(80, 350), spread, repeated


def edit(rng, value: np.ndarray, first: int, length: int) -> None:
    """Changes a cycle or so of a clean file."""
    part, spread = value[first:first + length].copy(), float(value.std())
    what = str(rng.choice(EDITS))
    changed = part
    if what == "flip":
        changed = part.max() + part.min() - part
    elif what == "reverse":
        changed = part[::-1]
    elif what == "scale":
        changed = part.mean() + (part - part.mean()) * rng.choice([rng.uniform(0.3, 0.75), rng.uniform(1.3, 1.8)])
    elif what == "smooth":
        width = max(3, length // 6) | 1
        changed = np.convolve(np.pad(part, width // 2, "edge"), np.ones(width) / width, "valid")
    elif what == "noise":
        changed = part + spread * rng.uniform(0.15, 0.5) * rng.standard_normal(length)
    elif what == "stretch":
        at = np.linspace(0, 1, length) ** rng.choice([0.55, 1.8])
        changed = np.interp(at, np.linspace(0, 1, length), part)
    elif what == "still":
        changed = np.full(length, part[0])
    elif what == "spike":
        changed[length // 2:length // 2 + 2] += rng.choice([-1, 1]) * spread * rng.uniform(0.8, 2.5)
    elif what == "lift":
        changed = part + spread * rng.uniform(0.4, 1) * rng.choice([-1, 1]) * np.sin(np.linspace(0, np.pi, length))
    else:
        # Something is left out: what comes behind it moves in.
        changed = value[first + length // 2:first + length // 2 + length].copy()
    # An edit is blended in, for a jump at its edges would give it away.
    ease = np.minimum(1, np.minimum(np.arange(1, length + 1), np.arange(length, 0, -1)) / max(1, length // 10))
    value[first:first + length] = part + ease * (changed - part)


def make(rng: np.random.Generator, number: int) -> Labelled:
    domain = DOMAINS[number % len(DOMAINS)]
    rows = int(rng.integers(6000, 16001))
    mean, spread, draw = cycle_drawer(rng, domain)
    natural = rng.random() < 0.4
    odd_place = int(rows * rng.uniform(0.3, 0.95))
    pieces, filled, window, count = [], 0, None, 0
    pace = (1 + spread * correlated(rng, int(rows / mean * 2) + 20, 0.7)).tolist()
    while filled < rows:
        length = max(8, int(mean * max(0.5, pace[min(count, len(pace) - 1)])))
        odd = window is None and filled >= odd_place - length
        if domain == "power" and odd and count % 7 >= 5:
            # A weekend can't hold a holiday.
            odd = False
        if odd:
            window = (filled, filled + length - 1)
        pieces.append(draw(length, count, odd and natural))
        filled, count = filled + length, count + 1
    value = np.concatenate(pieces)[:rows]
    first, last = window[0], min(window[1], rows - 1)
    noise = {"ecg": 0.015, "insect": 0.06, "power": 0.03, "air": 0.4, "machine": 0.004}.get(domain, 0.01)
    value += noise * correlated(rng, rows, 0.5) + (0.05 * correlated(rng, rows, 0.9995) if domain != "machine" else 0)
    if not natural:
        edit(rng, value, first, last - first + 1)
    if rng.random() < 0.3:
        # The "distorted" twins: noise, a wandering base, or a slow swell.
        what = rng.choice(["noise", "base", "swell"])
        scale = float(value.std())
        if what == "noise":
            value += 0.12 * scale * rng.standard_normal(rows)
        elif what == "base":
            value += 0.6 * scale * np.sin(2 * np.pi * np.arange(rows) / rng.uniform(2000, 9000))
        else:
            value *= 1 + 0.3 * np.sin(2 * np.pi * np.arange(rows) / rng.uniform(3000, 12000))
    value = value * {"ecg": 1, "air": 1, "power": 1000}.get(domain, 10 ** rng.uniform(0, 3))
    seconds = {"power": 900.0, "air": 3600.0, "machine": 1.0}.get(domain, 0.01)
    return Labelled({"value": value}, [(first, last)], seconds)
