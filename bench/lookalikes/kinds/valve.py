"""The current of an actuator that works now and then, shaped like the solenoid valves of the space shuttle (Marotta
valve; Ferrell and Santuoso 2005, in the archives of Keogh) and like the motors of railway points.

Kept: cycles of current one after the other, with pauses of no fixed length. A solenoid: the current rises, dips as
the plunger moves, rises on to its end, is held (some drivers lower it then), and decays with a second small hump as
the plunger falls. Points: a peak as the motor starts, less as it unlocks, a plateau as the blades move, a rise as
they lock, and, in some, a tail of the relay; one way is not as the other. Normal are holds of different length, a
supply that wanders, warm coils, a slow change with weather, grease that makes a run of cycles easier, noise.
Anomalies are single cycles, some twice in a row: a plunger that does not move or moves late, a weak supply, a contact
that chatters, a short hold, a slow decay; points that are heavy, blocked until the clutch slips, do not lock, or try
again; a machine whose start shows no peak. A window is the part of the cycle that is other than it would have been,
which may be but the dip."""
import numpy as np

from labelled import Labelled, Rules

from ._draws import correlated, joined, smooth

FILES = 24
RULES = Rules(late=60, quiet=120, probation=1000)

SOLENOID = ["no dip", "late dip", "weak", "chatter", "short", "slow decay"]
POINTS = ["heavy", "blocked", "no lock", "again", "no peak", "weak"]


def solenoid(rng, unit: dict, odd: str) -> np.ndarray:
    """A cycle of a solenoid, with height about 1."""
    length = unit["rise"] + int(rng.uniform(*unit["hold"]))
    high, late, how = *rng.normal(1, (0.006, 0.02)), rng.random()
    if odd == "short":
        # Shorter than any that is held as it should be.
        length = int((unit["rise"] + unit["hold"][0]) * (0.4 + 0.3 * how))
    on = np.arange(length)
    top = (0.55 + 0.25 * how if odd == "weak" else 1) * high
    current = top * (1 - np.exp(-on / unit["tau"]))
    at = unit["dip at"] * late * (1.5 + 0.7 * how if odd == "late dip" else 1)
    # As the plunger moves it pushes back, and the current falls for a while; then it rises anew.
    dip = 1 / (1 + np.exp(-(on - at) / (0.06 * unit["tau"]))) * np.exp(-np.maximum(0, on - at) / (0.7 * unit["tau"]))
    current -= 0 if odd == "no dip" else unit["dip"] * top * dip
    if unit["lowered"] < 1:
        current *= 1 - (1 - unit["lowered"]) / (1 + np.exp(-(on - unit["rise"]) / 3))
    chatter = rng.random(len(on)) < 0.12
    if odd == "chatter":
        broken = smooth(chatter * (on > rng.uniform(0.2, 0.6) * len(on)), 3)
        current *= 1 - np.minimum(1, 1.5 * broken)
    off = np.arange(int(8 * unit["decay"]))
    slow = 1.8 + 0.8 * how if odd == "slow decay" else 1
    fall = current[-1] * np.exp(-off / (unit["decay"] * slow))
    hump = unit["hump"] * np.exp(-0.5 * ((off / slow / unit["decay"] - 2) / 0.35) ** 2)
    fall += 0 if odd == "no dip" else hump
    return np.concatenate([current, fall * np.minimum(1, (len(off) - off) / 10)])


def points(rng, unit: dict, odd: str) -> np.ndarray:
    """A throw of points, whose plateau is about 0.4 of the peak."""
    way = unit["way"] = 1 - unit.get("way", 0)
    longer, more = rng.uniform(1.2, 1.6, 2) if odd == "heavy" else (1, rng.uniform(0.6, 0.8) if odd == "weak" else 1)
    move = int(unit["move"] * rng.normal(1, 0.025) * (1 + 0.06 * way) * longer)
    level = unit["level"][way] * rng.normal(1, 0.015) * more
    start = np.arange(unit["start"])
    peak = (0.05 if odd == "no peak" else 1 - level) * np.exp(-start / (0.25 * unit["start"]))
    pull = 0.08 * np.exp(-0.5 * ((start - 0.7 * unit["start"]) / (0.12 * unit["start"])) ** 2)
    plateau = level * (1 + 0.04 * np.sin(np.linspace(0, unit["sway"], move)) + 0.03 * correlated(rng, move, 0.8))
    lock = level * (1 + unit["lock"] * np.sin(np.linspace(0, np.pi, unit["start"])))
    parts = [level + peak + pull, plateau, lock]
    if odd == "blocked":
        stop = int(move * rng.uniform(0.3, 0.8))
        slip = level * rng.uniform(1.4, 1.9) * np.ones(int(move * rng.uniform(0.9, 1.6)))
        parts = [parts[0], plateau[:stop], slip * (1 + 0.02 * rng.standard_normal(len(slip)))]
    elif odd == "no lock":
        parts[2] = level * np.ones(unit["start"])
    elif odd == "again":
        # It stops on its way, and starts once more.
        stop = int(move * rng.uniform(0.3, 0.7))
        parts = [parts[0], plateau[:stop], np.zeros(int(rng.integers(8, 25))), *parts]
    tail = np.linspace(unit["tail"], 0.9 * unit["tail"], unit["start"] // 2 + 1) if unit["tail"] else np.zeros(1)
    return smooth(np.concatenate([np.zeros(1), *parts, tail, np.zeros(2)]), 2)


def machine(rng, number: int):
    """What draws its cycles, what it is made of, and what may go wrong."""
    if number % 2 == 0:
        tau = rng.uniform(8, 22)
        unit = {"tau": tau, "rise": int(7 * tau), "hold": sorted(rng.uniform(20, 200, 2)),
                "dip": rng.uniform(0.2, 0.45), "dip at": tau * rng.uniform(0.9, 1.6),
                "lowered": rng.choice([1, 1, rng.uniform(0.4, 0.7)]), "decay": rng.uniform(4, 14),
                "hump": rng.uniform(0.03, 0.1)}
        return solenoid, unit, SOLENOID
    unit = {"start": int(rng.integers(12, 30)), "move": rng.uniform(60, 180), "level": rng.uniform(0.3, 0.45, 2),
            "sway": rng.uniform(2, 12), "lock": rng.uniform(0.16, 0.4), "tail": rng.choice([0, 0.06, 0.12])}
    return points, unit, POINTS


def changed(usual: np.ndarray, strange: np.ndarray) -> tuple[int, int]:
    """The first and the last row in which the cycles differ by more than noise."""
    rows = max(len(usual), len(strange))
    one, other = (np.pad(cycle, (0, rows - len(cycle))) for cycle in (usual, strange))
    differs = np.flatnonzero(np.abs(one - other) > 0.03)
    # Behind a cycle that ends early there is a pause like any other.
    return int(differs[0]), int(min(differs[-1], np.flatnonzero(strange > 0.03)[-1]))


def make(rng: np.random.Generator, number: int) -> Labelled:
    rows = int(rng.integers(9000, 10501))
    draw, unit, faults = machine(rng, number)
    shortest, longest = sorted(rng.uniform(15, 250, 2))
    value, windows, row = np.zeros(rows), [], int(rng.integers(5, 100))
    wrong = sorted(rng.uniform(0.15, 0.95, int(rng.choice([1, 1, 2, 3, 4]))) * rows)
    ease, again = 0.0, ""
    while True:
        state, old = rng.bit_generator.state, dict(unit)
        cycle = draw(rng, unit, "")
        odd = again or (str(rng.choice(faults)) if wrong and row > max(wrong[0], RULES.probation) else "")
        if odd:
            after = rng.bit_generator.state
            rng.bit_generator.state = state
            usual, cycle = cycle, draw(rng, old, odd)
            rng.bit_generator.state = after
        if row + len(cycle) + 20 > rows:
            break
        if odd:
            first, last = changed(usual, cycle)
            windows.append((row + first, row + last))
            wrong = wrong[1:] if not again else wrong
            again = odd if not again and rng.random() < 0.15 else ""
        ease = 0.9 * ease + rng.normal(0, 0.006)
        value[row:row + len(cycle)] = cycle * (1 + ease)
        row += len(cycle) + int(rng.uniform(shortest, longest) * (rng.uniform(2, 4) if rng.random() < 0.03 else 1))
    value = value * (1 + 0.01 * correlated(rng, rows, 0.9995)) + rng.uniform(0.002, 0.012) * rng.standard_normal(rows)
    value += rng.choice([0, rng.uniform(-0.05, 0.05)])
    size = rng.uniform(1, 4) if draw is solenoid else rng.uniform(5, 20)
    return Labelled({"current": np.round(value * size, 3)}, joined(windows), 0.001 if draw is solenoid else 0.02)
