"""Walks of people with Parkinson's disease, shaped like the Daphnet Freezing of Gait data (Baechlin et al. 2010).

Kept: three acceleration sensors (ankle, thigh, trunk) of three axes at 64 Hz, in milli-g and in the coarse steps of the
sensor; walking in a straight line, turning, standing, sitting, each patient with a gait and sensors mounted askew of
their own; a step that drags or stumbles is normal. Labelled are freezes: the legs tremble at 3 to 8 Hz, or the patient
just stands as if glued to the floor, mostly for less than ten seconds, often behind ever shorter steps or in a turn.
The labels come from people who watched a video, so begin and end up to half a second off."""
import numpy as np

from labelled import Labelled, Rules

from ._draws import joined, smooth

FILES = 26
RULES = Rules(late=60, quiet=128, probation=640)

RATE = 64
# The share of the sensor's reach that walking uses, at each place and axis (forward, vertical, lateral), in milli-g.
PLACES = {"ankle": (620, 480, 260), "thigh": (330, 260, 190), "trunk": (120, 140, 110)}
AXES = ("forward", "vertical", "lateral")
GRAIN = {"ankle": 9.8, "thigh": 9.1, "trunk": 9.7}
LOUDNESS = {"walk": 1.0, "turn": 0.55, "shuffle": 0.5, "stand": 0.0, "sit": 0.0, "freeze": 0.0}


def day(rng, rows: int) -> list[tuple[str, int]]:
    """What the patient does, and for how many rows. Freezes wait until the first part of the file is over."""
    deeds, at, frozen = [], 0, False
    eager = rng.choice([0.08, 0.25, 0.5])
    sits = rng.choice([0.0, 0.03], p=[0.6, 0.4])
    while at < rows:
        forced = not frozen and at > 0.6 * rows
        deed = rng.choice(["walk", "turn", "stand", "sit"], p=[0.55 - sits, 0.28, 0.17, sits])
        seconds = {"walk": rng.gamma(4, 3), "turn": rng.uniform(2, 5),
                   "stand": rng.gamma(2, 3), "sit": rng.uniform(5, 20)}
        plan = [(deed, seconds[deed])]
        if at > 0.14 * rows and deed != "sit" and (forced or rng.random() < eager):
            frozen = True
            if rng.random() < 0.5:
                plan.append(("shuffle", rng.uniform(0.5, 2)))
            plan.append(("freeze", float(np.clip(rng.lognormal(1.5, 0.8), 0.6, 40))))
            plan.append(("walk", rng.uniform(3, 8)))
        for name, length in plan:
            deeds.append((name, max(int(length * RATE), 20)))
            at += deeds[-1][1]
    return deeds


def steps(rng, deed_of_row: np.ndarray, rows: int) -> np.ndarray:
    """The phase of the stride: a rhythm that drifts, and quickens where steps shorten."""
    pace = rng.uniform(0.75, 1.05) * (1 + smooth(rng.normal(0, 1.1, rows), 101))
    pace *= np.where(deed_of_row == "shuffle", rng.uniform(1.4, 2.2), 1) * np.where(deed_of_row == "turn", 0.9, 1)
    return 2 * np.pi * np.cumsum(pace) / RATE


def gait(rng, phase: np.ndarray, sharp: float) -> np.ndarray:
    """One axis of a stride: four harmonics and the knock of the heel."""
    wave = sum(rng.normal(0, 1 / k) * np.cos(k * phase + rng.uniform(0, 6.3)) for k in range(1, 5))
    wave /= wave.std() + 1e-9
    knock = np.exp(sharp * (np.cos(phase - rng.uniform(0, 6.3)) - 1))
    return 0.7 * wave + rng.uniform(-2.5, 2.5) * knock * rng.lognormal(0, 0.3)


def make(rng, number: int) -> Labelled:
    """One stretch of one patient's walk."""
    rows = int(rng.integers(8000, 11000))
    deeds = day(rng, rows)
    deed_of_row = np.repeat([name for name, _ in deeds], [length for _, length in deeds])[:rows]
    walking = smooth(np.array([LOUDNESS[name] for name in deed_of_row]), 33)
    walking *= 1 + smooth(rng.normal(0, 1.0, rows), 65)
    # Whoever stands shifts his weight now and then.
    shifts = (deed_of_row == "stand") * (rng.random(rows) < 0.02) * rng.normal(0, 25, rows)
    restless = smooth(smooth(smooth(shifts, 33), 21), 15)
    phase = steps(rng, deed_of_row, rows)

    trembling = np.zeros(rows)
    windows, at = [], 0
    for name, length in deeds:
        if name == "freeze" and at < rows - RATE:
            end = min(at + length, rows)
            # A third of freezes is stillness, which only the video tells from standing.
            trembling[at:end] = 0.04 if rng.random() < 0.3 else np.clip(rng.lognormal(-0.9, 0.5), 0.1, 1.2)
            first = at + int(rng.uniform(-0.5, 0.5) * RATE)
            windows.append((first, max(first + RATE // 2, min(end + int(rng.uniform(-0.5, 0.5) * RATE), rows) - 1)))
        at += length
    trembling = smooth(trembling, 25) * np.exp(smooth(rng.normal(0, 3.5, rows), 49))
    shaking = 2 * np.pi * np.cumsum(rng.uniform(3.5, 7) * (1 + smooth(rng.normal(0, 2.0, rows), 33))) / RATE
    sitting = smooth((deed_of_row == "sit").astype(float), 65)
    # Some patients tremble at rest too, which is not a freeze.
    rest = (rng.uniform(0.02, 0.06) if rng.random() < 0.3 else 0.0) * (1 - np.minimum(walking, 1))

    columns = {}
    for place, reach in PLACES.items():
        vigour = rng.uniform(0.5, 1.4)
        tilt = np.cumsum(rng.normal(0, 0.25, rows))
        for axis, name in enumerate(AXES):
            gravity = (rng.normal(0, 120), rng.normal(970, 30), rng.normal(0, 150))[axis]
            if place == "thigh":
                gravity = gravity + sitting * (rng.uniform(600, 950), -rng.uniform(500, 900), rng.normal(0, 100))[axis]
            tremor = np.cos(shaking + rng.uniform(0, 6.3)) + 0.4 * np.cos(2 * shaking + rng.uniform(0, 6.3))
            # Feet cling to the floor while knees shake, each axis by fits of its own; the trunk hardly does.
            tremor = tremor * (1 + smooth(rng.normal(0, 2, rows), 25)) + smooth(rng.normal(0, 1.5, rows), 5)
            tremor *= 0.4 if place == "trunk" else 1.0
            signal = (gravity + tilt + reach[axis] * vigour * walking * gait(rng, phase, 6)
                      + reach[axis] * rng.uniform(0.3, 0.9) * (trembling + rest) * tremor
                      + reach[axis] * 0.5 * restless
                      + rng.normal(0, 7, rows) + reach[axis] * 0.18 * walking * rng.normal(0, 1, rows))
            grain = GRAIN[place]
            columns[f"{place}_{name}"] = np.trunc(np.clip(np.round(signal / grain), -340, 340) * grain)
    return Labelled(columns, joined((first, min(last, rows - 1)) for first, last in windows), 1 / RATE)
