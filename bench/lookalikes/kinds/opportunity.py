"""A person at home with sensors on the body, shaped like the OPPORTUNITY activity recognition data (Roggen, Chavarriaga
et al. 2010), in which TSB-UAD and TSB-AD take the rarest posture, lying, as the anomaly.

Kept: 30 of its many columns at 30 Hz - seven accelerometers of three axes in whole milli-g, one inertial unit on the
back with acceleration, turning rate and magnetic field - standing, walking and sitting of no fixed length, arms which
do something all the time, sensors that twist a little, and the radio's gaps, short and long, as missing values. Lying
comes once a file, for some seconds; the label is a posture that people wrote down, so it begins and ends about a second
off."""
import numpy as np

from labelled import Labelled, Rules

from ._draws import smooth

FILES = 22
RULES = Rules(late=60, quiet=150, probation=500)

RATE = 30
# Place: how it tilts (degrees) in standing, sitting and lying, its knock in walking (milli-g) and how restless it is.
PLACES = {"RKN^": ((0, 80, 75), 220, 0.3), "HIP": ((0, 20, 70), 160, 0.2), "BACK": ((5, 15, 65), 120, 0.2),
          "LUA^": ((5, 25, 60), 120, 1.0), "RUA_": ((5, 30, 60), 130, 1.3), "RWR": ((20, 60, 70), 170, 2.2),
          "RKN_": ((0, 10, 60), 350, 0.3)}
POSTURES = {"stand": 0, "walk": 0, "sit": 1, "lie": 2}


def day(rng, rows: int) -> tuple[np.ndarray, int, int]:
    """The posture of each row, and the first and last row of lying."""
    lying = int(rng.integers(5 * RATE, 16 * RATE))
    begin = int(rng.uniform(0.17, 0.9) * rows) - lying // 2
    begin = min(begin, rows - lying - 10)
    posture = np.empty(rows, "U5")
    at, now = 0, "stand"
    while at < rows:
        length = int(RATE * {"stand": rng.gamma(2, 5), "walk": rng.gamma(2, 2.5), "sit": rng.gamma(3, 6)}[now]) + 15
        posture[at:at + length] = now
        at += length
        now = {"stand": rng.choice(["walk", "sit"], p=[0.8, 0.2]), "walk": "stand", "sit": "stand"}[now]
    # One sits down on the chair before lying, and sits up behind.
    around = int(rng.uniform(1, 4) * RATE)
    posture[max(begin - around, 0):begin + lying + around] = "sit"
    posture[begin:begin + lying] = "lie"
    return posture, begin, begin + lying - 1


def turned(rng) -> np.ndarray:
    """A random turn, as a sensor is strapped on."""
    q, _ = np.linalg.qr(rng.normal(0, 1, (3, 3)))
    return q


def gestures(rng, busy: np.ndarray) -> np.ndarray:
    """Degrees by which a limb is moved: reaching, drinking, opening doors; slow, with halts."""
    aims, at = np.zeros(len(busy)), 0
    while at < len(busy):
        length = int(rng.exponential(1.5 * RATE)) + 8
        aims[at:at + length] = rng.normal(0, 1)
        at += length
    return smooth(smooth(aims * busy, 15), 11)


def sensor(rng, place: str, posture: np.ndarray, phase: np.ndarray, walking: np.ndarray) -> tuple:
    """Acceleration of one place in three axes, and the tilt in degrees behind it."""
    tilts, knock, restless = PLACES[place]
    rows = len(posture)
    # No one sits or lies twice in the same way.
    changes = np.concatenate([[0], np.cumsum(posture[1:] != posture[:-1])])
    each = rng.normal(0, 7, changes[-1] + 1)[changes]
    aim = np.array(tilts)[[POSTURES[p] for p in posture]] * rng.uniform(0.85, 1.1) + each * (posture != "walk")
    busy = np.where(posture == "lie", 0.25, np.where(posture == "sit", 0.8, 1.0))
    tilt = smooth(smooth(aim, 25), 15) + 14 * restless * gestures(rng, busy)
    tilt += np.cumsum(rng.normal(0, 0.03, rows))
    roll = rng.normal(0, 10) + 10 * restless * gestures(rng, busy) + 3 * walking * np.sin(phase)
    swing = 10 * restless ** 0.5 * walking * np.sin(phase / 2 + rng.uniform(0, 6.3))
    a, b = np.radians(tilt + swing), np.radians(roll)
    gravity = 1000 * np.column_stack([np.cos(a) * np.cos(b), np.sin(a) * np.cos(b), np.sin(b)])
    shock = np.column_stack([sum(rng.normal(0, 1 / k) * np.cos(k * phase + rng.uniform(0, 6.3)) for k in (1, 2, 3))
                             for _ in range(3)])
    moves = knock * walking[:, None] * (shock * 0.6 + rng.normal(0, 0.25, (rows, 3))) + rng.normal(0, 9, (rows, 3))
    return (gravity + moves) @ turned(rng), a, b


def lose(rng, values: np.ndarray) -> None:
    """Takes out what the radio lost of one sensor: single packets, bursts, and in a bad one long stretches."""
    rows = len(values)
    for _ in range(rng.poisson(rng.choice([0.5, 4, 12]))):
        first = int(rng.integers(rows))
        values[first:first + int(rng.exponential(12)) + 1] = np.nan
    if rng.random() < 0.12:
        first = int(rng.integers(rows))
        values[first:first + int(rng.uniform(0.03, 0.3) * rows)] = np.nan


def make(rng, number: int) -> Labelled:
    """Some minutes of one person."""
    rows = int(rng.integers(4600, 6200))
    posture, first, last = day(rng, rows)
    walking = smooth((posture == "walk").astype(float), 21) * (1 + smooth(rng.normal(0, 0.8, rows), 31))
    phase = 2 * np.pi * np.cumsum(rng.uniform(1.6, 2.1) * (1 + smooth(rng.normal(0, 0.5, rows), 45))) / RATE
    columns, heading = {}, np.cumsum(smooth(rng.normal(0, 0.25, rows), 25) * (0.2 + walking))
    for place in PLACES:
        acceleration, _, _ = sensor(rng, place, posture, phase, walking)
        acceleration = np.round(np.clip(acceleration, -3000, 3000))
        lose(rng, acceleration)
        for axis, name in enumerate("XYZ"):
            columns[f"Accelerometer {place} acc{name}"] = acceleration[:, axis]
    acceleration, a, b = sensor(rng, "BACK", posture, phase, walking)
    rates = 1000 * RATE * np.gradient(np.column_stack([a, b, heading]), axis=0) * 0.3 + rng.normal(0, 12, (rows, 3))
    field = np.column_stack([np.cos(heading) * np.cos(a), np.sin(heading) * np.cos(b), np.sin(a) - 0.5])
    field = 600 * field @ turned(rng) + rng.normal(0, 6, (rows, 3))
    for kind, values in (("acc", acceleration), ("gyro", rates), ("magnetic", field)):
        for axis, name in enumerate("XYZ"):
            columns[f"InertialMeasurementUnit BACK {kind}{name}"] = np.round(values[:, axis])
    early, late = int(rng.normal(0, 0.6) * RATE), int(rng.normal(0, 0.6) * RATE)
    return Labelled(columns, [(first + early, min(last + late, rows - 1))], 1 / RATE)
