"""Drinking water, shaped like the GECCO 2018 Industrial Challenge (Rehbach, Moritz, Bartz-Beielstein; data of
Thueringer Fernwasserversorgung): quality of water a minute at a point of the pipes.

Kept: temperature, two chlorine sensors, pH, redox potential, conductivity, turbidity and two flows, with the sensors'
coarse digits; flows which operators step up and down and to which quality answers, seasons, slow drift and calibration
of sensors, missing rows. Events are rare (about one row in a hundred) and last minutes to a few hours: contaminations
that move several qualities against their usual bond, from plain to hardly visible. Spikes of single sensors and changes
of operation are not events."""
import numpy as np

from labelled import Labelled, Rules

from ._draws import lagged, wander

FILES = 24
RULES = Rules(late=30, quiet=120, probation=1000)

DAY = 1440
# How far a strong event moves each quality.
REACH = {"Tp": 0.25, "Cl": -0.06, "pH": -0.12, "Redox": -30.0, "Leit": 12.0, "Trueb": 0.035, "Cl_2": -0.05}
DIGITS = {"Tp": 1, "Cl": 2, "pH": 2, "Redox": 0, "Leit": 0, "Trueb": 3, "Cl_2": 3, "Fm": 0, "Fm_2": 0}


def flow(rng, rows: int, level: float) -> np.ndarray:
    """A flow in the steps in which pumps are set."""
    settings = level * np.sort(rng.uniform(0.7, 1.25, rng.integers(3, 7)))
    target, at = np.empty(rows), 0
    while at < rows:
        length = int(rng.exponential(rng.choice([120, 600, 1500]))) + 20
        target[at:at + length] = rng.choice(settings)
        at += length
    return lagged(target, 0.6) + rng.normal(0, level * 0.006, rows) + wander(rng, rows, 0.98, level * 0.008)


def normal_water(rng, rows: int) -> dict:
    """All columns as they are without events."""
    t = np.arange(rows)
    flows = flow(rng, rows, rng.uniform(1300, 1700)), flow(rng, rows, rng.uniform(900, 1200))
    draw = lagged((flows[0] - flows[0].mean()) / flows[0].std(), 0.985)
    other = lagged((flows[1] - flows[1].mean()) / flows[1].std(), 0.985)
    day = np.sin(2 * np.pi * (t / DAY + rng.random()))
    source = wander(rng, rows, 0.9995, 1.0)
    chlorine = rng.uniform(0.12, 0.19) + wander(rng, rows, 0.998, 0.008) + 0.006 * draw + 0.002 * day
    ph = rng.uniform(8.25, 8.65) + wander(rng, rows, 0.9995, 0.03) + 0.015 * other + rng.normal(0, 0.004, rows)
    columns = {
        "Tp": rng.uniform(4, 11) + rng.normal(0, 0.4) * t / rows + 0.06 * day + 0.08 * source + 0.03 * draw,
        "Cl": chlorine + rng.normal(0, 0.002, rows), "pH": ph,
        "Redox": rng.uniform(720, 775) + 180 * (chlorine - chlorine.mean()) - 60 * (ph - ph.mean())
        + wander(rng, rows, 0.999, 3) + rng.normal(0, 0.7, rows),
        "Leit": rng.uniform(195, 225) + 2.5 * source + 1.5 * other + rng.normal(0, 0.4, rows),
        "Trueb": rng.uniform(0.011, 0.022) + np.abs(wander(rng, rows, 0.99, 0.002)) + rng.gamma(0.3, 0.0012, rows),
        "Cl_2": lagged(chlorine, 0.97) - rng.uniform(0.01, 0.04) + rng.normal(0, 0.0012, rows),
        "Fm": flows[0], "Fm_2": flows[1]}
    # A change of pumps stirs up what lies in the pipes.
    stirred = np.abs(np.diff(lagged(flows[0], 0.9), prepend=flows[0][0]))
    columns["Trueb"] += lagged(np.minimum(stirred, 60), 0.9) * rng.uniform(0, 4e-4)
    for _ in range(rng.poisson(1.2)):
        name = rng.choice(["Cl", "pH", "Redox", "Cl_2"])
        columns[name][int(rng.integers(rows)):] += 0.15 * REACH[name] * rng.choice([-1, 1])  # calibrated
    for _ in range(rng.poisson(4)):
        name, first = rng.choice(list(REACH)), int(rng.integers(rows))
        columns[name][first:first + int(rng.integers(1, 4))] += REACH[name] * rng.normal(0, 0.5)
    return columns


def events(rng, columns: dict, rows: int) -> list[tuple[int, int]]:
    """Puts contaminations into the water, and says where."""
    windows, wanted = [], int(rng.choice([1, 2, 3, 4, 6], p=[0.15, 0.25, 0.3, 0.2, 0.1]))
    at = int(rows * rng.uniform(0.15, 0.4))
    while len(windows) < wanted and at < rows - 150:
        length = int(np.clip(rng.lognormal(3.3, 0.7), 5, 200))
        first, last = at, min(at + length, rows - 5)
        shape = np.sin(np.pi * (np.arange(last - first) + 0.5) / (last - first)) ** rng.choice([0.2, 1, 2])
        strength = rng.lognormal(-0.7, 0.7)
        for name in rng.choice(list(REACH), rng.integers(2, 6), replace=False):
            # What pollutes makes water turbid, never clear; all else may go either way.
            sign = -1 if rng.random() < 0.2 and name != "Trueb" else 1
            columns[name][first:last] += sign * REACH[name] * strength * rng.uniform(0.5, 1.5) * shape
        windows.append((first, last - 1))
        # Events come in groups, some minutes apart.
        at = last + int(rng.integers(4, 60) if rng.random() < 0.35 else rng.exponential(rows * 0.2) + 150)
    return windows


def make(rng, number: int) -> Labelled:
    """A week at one season."""
    rows = int(rng.integers(8000, 11000))
    columns = normal_water(rng, rows)
    windows = events(rng, columns, rows)
    for name, values in columns.items():
        columns[name] = np.round(np.maximum(values, 0), DIGITS[name])
    for _ in range(rng.poisson(3)):
        first, length = int(rng.integers(rows)), int(rng.choice([1, 1, 2, 10, 40]))
        for values in columns.values():
            values[first:first + length] = np.nan
    return Labelled(columns, windows, 60.0)
