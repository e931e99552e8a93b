"""Shaped like SMAP and MSL, NASA's labelled spacecraft telemetry (Hundman et al. 2018, "Detecting spacecraft
anomalies using LSTMs and nonparametric dynamic thresholding").

Kept: one telemetry value scaled to -1..1 beside one-hot commands (24 for the satellite, 54 for the rover), most of
which are rare or never sent; channels that are two-valued, follow an orbit of some 98 minutes, ramp and reset, or
follow the rover's work; one to three long windows a file, point-like and contextual ones; windows wider than what
went wrong, the odd file that is anomalous to its end, and the odd repetition that nobody labelled.
"""
import numpy as np

from labelled import Labelled, Rules

from ._draws import bump, correlated, places

FILES = 30
RULES = Rules(late=50, quiet=150, probation=450)


def blocks(rng, rows: int, mean_gap: float, mean_length: float) -> np.ndarray:
    """Whether the craft is at work: stretches of it, without a clock."""
    busy, at = np.zeros(rows, bool), int(rng.exponential(mean_gap))
    while at < rows:
        length = 3 + int(rng.exponential(mean_length))
        busy[at:at + length] = True
        at += length + 5 + int(rng.exponential(mean_gap))
    return busy


def orbit(rng, rows: int, rover: bool) -> np.ndarray:
    """Phase of the orbit (or of a heater's cycle), whose length wanders a little."""
    period = rng.uniform(60, 240) if rover else rng.choice([98.5, 49.25, 98.5 / 4, 197])
    return np.cumsum((1 + 0.04 * correlated(rng, rows, 0.98)) / period) + rng.random()


def telemetry(rng, rows: int, rover: bool, busy: np.ndarray) -> tuple[np.ndarray, str]:
    """One channel and its nature."""
    nature = rng.choice(["switch", "orbit", "ramp", "work", "level"],
                        p=[0.25, 0.1, 0.15, 0.35, 0.15] if rover else [0.3, 0.35, 0.12, 0.13, 0.1])
    noise = correlated(rng, rows, rng.choice([0.0, 0.5, 0.9])) * rng.choice([0.002, 0.01, 0.03, 0.08])
    if nature == "switch":
        value = np.where(busy, 1.0, -1.0) if rng.random() < 0.6 else np.full(rows, -1.0)
        rare = rng.random(rows) < rng.choice([0, 0.0005, 0.003])
        return np.where(rare, -value, value), nature
    if nature == "orbit":
        phase = orbit(rng, rows, rover)
        share = rng.uniform(0.3, 0.7)
        form = rng.choice(["sine", "pulse", "charge"])
        if form == "sine":
            value = 0.7 * np.sin(2 * np.pi * phase) + 0.2 * np.sin(4 * np.pi * phase + rng.uniform(0, 6))
        elif form == "pulse":
            value = np.where(phase % 1 < share, rng.uniform(0.5, 1), rng.uniform(-1, -0.6))
        else:
            value = np.where(phase % 1 < share, phase % 1 / share, (1 - phase % 1) / (1 - share)) * 1.6 - 0.8
        value += np.where(busy, rng.choice([0, 0, 0.15]), 0) + 0.1 * np.sin(np.arange(rows) / rng.uniform(500, 2500))
    elif nature == "ramp":
        starts = np.flatnonzero(np.diff(busy.astype(int), prepend=0) > 0)
        since = np.arange(rows) - np.concatenate([[0], starts])[np.searchsorted(starts, np.arange(rows), "right")]
        value = 1.7 * (1 - np.exp(-since / rng.uniform(50, 400))) - 0.9
    elif nature == "work":
        goal = np.where(busy, rng.uniform(0.3, 0.9), rng.uniform(-0.9, -0.3)).tolist()
        pace, now, followed = rng.choice([1.0, 0.3, 0.08]), goal[0], []
        for aim in goal:
            now += pace * (aim - now)
            followed.append(now)
        value = np.array(followed)
        noise = noise * np.where(busy, rng.uniform(1, 4), 1)
    else:
        value = rng.uniform(-0.6, 0.4) + 0.25 * correlated(rng, rows, 0.999)
        value[rng.random(rows) < 0.003] += rng.uniform(0.2, 0.5)
    return np.clip(value + noise, -1, 1), nature


def commands(rng, rows: int, count: int, busy: np.ndarray) -> np.ndarray:
    """One-hot commands: some are never sent, some at random, some with the work, some as it begins or ends."""
    sent = np.zeros((rows, count))
    turns = np.flatnonzero(np.diff(busy.astype(int), prepend=0))
    for column in range(count):
        nature = rng.choice(["never", "rare", "work", "turn", "often"], p=[0.45, 0.2, 0.15, 0.12, 0.08])
        if nature == "rare":
            sent[:, column] = rng.random(rows) < 10 ** rng.uniform(-3.7, -2)
        elif nature == "work":
            sent[:, column] = busy & (rng.random(rows) < rng.uniform(0.02, 0.6))
        elif nature == "turn":
            kept = turns[rng.random(len(turns)) < rng.uniform(0.4, 1)]
            sent[np.maximum(0, kept - rng.integers(0, 3)), column] = 1
        elif nature == "often":
            sent[:, column] = rng.random(rows) < rng.uniform(0.03, 0.4)
    return sent


def disturb(rng, value: np.ndarray, nature: str, first: int, length: int) -> None:
    """Something goes wrong in these rows."""
    part, spread = value[first:first + length], max(0.1, float(value.std()))
    choices = {"switch": ["flip", "chatter", "between"], "orbit": ["stuck", "shift", "shrink", "quick", "burst"],
               "ramp": ["stuck", "shift", "burst"], "work": ["stuck", "shift", "mirror", "noise"],
               "level": ["shift", "burst", "noise", "stuck"]}
    what = rng.choice(choices[nature])
    if what == "stuck" and np.abs(part - part[0]).mean() < 0.2 * spread:
        # It stands still there anyway, so that nobody would have seen it stuck.
        what = "shift"
    if what == "flip":
        part[:] = -part
    elif what == "chatter":
        part[:] = np.where(rng.random(length) < rng.uniform(0.1, 0.5), -part, part)
    elif what == "between":
        part[:] = part * rng.uniform(-0.6, 0.8)
    elif what == "stuck":
        part[:] = part[0]
    elif what == "shift":
        side = rng.choice([-1, 1])
        part += side * spread * rng.uniform(1, 3) * bump(length, rng.choice(["step", "ramp", "hump"]))
    elif what == "shrink":
        part[:] = part.mean() + (part - part.mean()) * rng.uniform(0.1, 0.6)
    elif what == "quick":
        source = first + (np.arange(length) * rng.choice([0.5, 1.7, 2.0, 3.0])).astype(int)
        part[:] = value[source % len(value)]
    elif what == "mirror":
        part[:] = 2 * np.median(value) - part
    elif what == "noise":
        part += rng.standard_normal(length) * spread * rng.uniform(0.4, 1.2)
    else:
        hit = rng.choice(length, max(1, min(length, rng.integers(2, 12))), replace=False)
        part[hit] += rng.choice([-1, 1]) * spread * rng.uniform(2, 4)


def make(rng: np.random.Generator, number: int) -> Labelled:
    rover = number % 3 == 2
    rows = int(rng.integers(3000, 6000) if rover else rng.integers(6500, 8700))
    busy = blocks(rng, rows, rng.uniform(60, 500), rng.uniform(15, 200))
    value, nature = telemetry(rng, rows, rover, busy)
    sent = commands(rng, rows, 54 if rover else 24, busy)
    lengths = np.exp(rng.normal(4.8 if rover else 5.5, 1.1, rng.choice([1, 2, 3], p=[0.72, 0.2, 0.08])))
    windows = places(rng, rows, np.clip(lengths, 12, rows // 5), max(RULES.probation + 50, rows // 7), 250)
    if rng.random() < 0.07:
        # A few channels of the real set are labelled as wrong from a row on to the end.
        windows = [(int(rows * rng.uniform(0.55, 0.8)), rows - 1)]
    for first, last in windows:
        # The windows were drawn by hand around what was seen: what is wrong fills a half to all of one.
        length = max(4, int((last - first + 1) * rng.uniform(0.5, 1)))
        disturb(rng, value, nature, first + int(rng.integers(0, last - first + 2 - length)), length)
    if rng.random() < 0.08:
        disturb(rng, value, nature, int(rng.integers(rows // 7, windows[0][0])), int(rng.integers(8, 40)))
    columns = {"telemetry": np.round(np.clip(value, -1.6, 1.6), 6)}
    columns |= {f"command_{k + 1:02}": sent[:, k] for k in range(sent.shape[1])}
    return Labelled(columns, windows, 60.0)
