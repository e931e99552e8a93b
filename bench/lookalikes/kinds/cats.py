"""Shaped like CATS, the Controlled Anomalies Time Series of Solenix (Fleith 2023), a simulated system without noise.

Kept: its 17 columns, of which four are commands, three are stimuli from outside and ten are telemetry of parts that
follow them (at once, of first and of second order) and one another; a long clean start; anomalies which are put into
one root and spread along what depends on it; labels that are exact; 3 to 4 % of anomalous rows. Time runs faster than
there, so that a file of some 5,000 rows holds a stretch with as many changes of command as one of 50,000.
"""
import numpy as np

from labelled import Labelled, Rules

from ._draws import places

FILES = 24
RULES = Rules(late=40, quiet=120, probation=700)

COMMANDS = ["aimp", "amud", "adbr", "adfl"]
STIMULI = ["arnd", "asin1", "asin2"]
TELEMETRY = ["bed1", "bed2", "bfo1", "bfo2", "bso1", "bso2", "bso3", "ced1", "cfo1", "cso1"]


def held(rng, rows: int, levels: np.ndarray, mean: float) -> np.ndarray:
    """A command which an operator sets from time to time."""
    value, at = np.zeros(rows), 0
    while at < rows:
        length = 5 + int(rng.exponential(mean))
        value[at:at + length] = rng.choice(levels)
        at += length
    return value


def inputs(rng, rows: int) -> dict[str, np.ndarray]:
    """Commands and stimuli."""
    at = np.arange(rows)
    drift = np.cumsum(rng.standard_normal(rows) * 0.02)
    smooth = np.convolve(drift, np.ones(15) / 15, "same")
    amplitude = 1 + 0.2 * np.sin(2 * np.pi * at / rng.uniform(1500, 4000))
    return {"aimp": (rng.random(rows) < rng.uniform(0.002, 0.008)).astype(float),
            "amud": held(rng, rows, np.round(rng.uniform(0, 100, int(rng.integers(3, 7)))), 250),
            "adbr": held(rng, rows, np.array([0.0, 1.0]), 400),
            "adfl": held(rng, rows, np.array([0.0, 0.0, 1.0]), 120),
            "arnd": smooth - rng.uniform(0.02, 0.2) * np.sin(at / 90.0),
            "asin1": amplitude * np.sin(2 * np.pi * at / rng.uniform(80, 250) + rng.uniform(0, 6)),
            "asin2": rng.uniform(0.5, 2) * np.sin(2 * np.pi * at / rng.uniform(400, 1400) + rng.uniform(0, 6))}


def effect(rng, first: int, last: int, clean: np.ndarray, kind: str) -> dict:
    """What is done to a root from `first` to `last`, in terms of how it swings when nothing is wrong."""
    return {"first": first, "last": last, "kind": kind, "swing": float(np.std(clean)) or 1.0,
            "size": rng.choice([-1, 1]) * rng.uniform(0.6, 3), "period": rng.uniform(5, 40), "stuck": None,
            "shakes": rng.standard_normal(last - first + 1)}


def spoil(value: float, row: int, fault: dict) -> float:
    """The value of a root in a row in which it is at fault."""
    progress = (row - fault["first"]) / max(1, fault["last"] - fault["first"])
    size = fault["size"] * fault["swing"]
    if fault["kind"] == "stuck":
        if fault["stuck"] is None:
            fault["stuck"] = value
        return fault["stuck"]
    if fault["kind"] == "shift":
        return value + size
    if fault["kind"] == "ramp":
        return value + size * progress
    if fault["kind"] == "shake":
        return value + 0.4 * size * fault["shakes"][row - fault["first"]]
    if fault["kind"] == "wave":
        return value + 0.6 * size * np.sin(2 * np.pi * (row - fault["first"]) / fault["period"])
    return value * (1 + 0.5 * fault["size"])


def simulate(given: dict[str, np.ndarray], physics: dict, faults: dict[str, list[dict]]) -> dict[str, np.ndarray]:
    """The system's answer to its inputs, with the faults of each root applied where they spread from."""
    rows, weights, pace, spring = len(given["aimp"]), physics["weights"], physics["pace"], physics["spring"]
    table = {name: np.zeros(rows) for name in COMMANDS + STIMULI + TELEMETRY}
    now = dict.fromkeys(TELEMETRY, 0.0)
    speed = dict.fromkeys(TELEMETRY, 0.0)
    acting = {(name, row): fault for name, several in faults.items() for fault in several
              for row in range(fault["first"], fault["last"] + 1)}
    for row in range(rows):
        for name in COMMANDS + STIMULI:
            value = float(given[name][row])
            now[name] = spoil(value, row, acting[name, row]) if (name, row) in acting else value
            table[name][row] = now[name]
        goals = {"bed1": 5 * now["aimp"], "bed2": 3 * now["adfl"] + 2 * now["aimp"],
                 "bfo1": 0.04 * now["amud"] + weights[0] * now["asin1"],
                 "bfo2": 2 * now["adbr"] + weights[1] * now["arnd"],
                 "bso1": 0.03 * now["amud"] + weights[2] * now["bed1"], "bso2": now["asin2"] + weights[3] * now["adbr"],
                 "bso3": now["arnd"] + weights[4] * now["asin1"] + now["bed2"],
                 "ced1": max(0.0, now["bso1"]) + weights[5] * now["bfo1"],
                 "cfo1": now["bfo1"] - now["bso2"] + weights[6] * now["bed2"],
                 "cso1": now["bso3"] + weights[7] * now["bfo2"] * now["asin2"]}
        for name, goal in goals.items():
            if name[1:3] == "ed":
                # An event sets it at once, and then it dies away.
                value = max(goal, now[name] * (1 - pace[name]))
            elif name[1:3] == "fo":
                value = now[name] + pace[name] * (goal - now[name])
            else:
                speed[name] += spring[name] * (goal - now[name]) - 2 * 0.35 * spring[name] ** 0.5 * speed[name]
                value = now[name] + speed[name]
            now[name] = spoil(value, row, acting[name, row]) if (name, row) in acting else value
            if name[1:3] == "so" and (name, row) in acting:
                # It is moved by force, and comes back as a spring does.
                speed[name] = 0.0
            table[name][row] = now[name]
    return table


def make(rng: np.random.Generator, number: int) -> Labelled:
    rows = int(rng.integers(4500, 5500))
    given = inputs(rng, rows)
    physics = {"weights": rng.uniform(0.3, 1.5, 8), "pace": {n: rng.uniform(0.01, 0.15) for n in TELEMETRY},
               "spring": {n: rng.uniform(0.001, 0.02) for n in TELEMETRY}}
    clean = simulate(given, physics, {})
    lengths = np.clip(np.exp(rng.normal(4.2, 0.6, rng.integers(1, 4))), 15, 350)
    windows = places(rng, rows, lengths, max(RULES.probation + 50, rows // 5), 200)
    faults = {}
    for first, last in windows:
        name = str(rng.choice(COMMANDS + STIMULI + TELEMETRY, p=[0.025] * 4 + [0.06] * 3 + [0.072] * 10))
        kinds = ["shift", "ramp", "wave", "scale"] if name in COMMANDS else ["shift", "ramp", "wave", "shake", "stuck"]
        faults.setdefault(name, []).append(effect(rng, first, last, clean[name], str(rng.choice(kinds))))
    return Labelled(simulate(given, physics, faults), windows, 1.0)
