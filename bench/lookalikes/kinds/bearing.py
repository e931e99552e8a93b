"""Shaped like the IMS bearing runs to failure (Lee, Qiu, Yu, Lin 2007; NASA prognostics repository), as features.

Kept: four bearings on one shaft, of each root mean square and kurtosis of a second of vibration every ten minutes;
weeks in which nothing happens, a running-in, slow drift with load and warmth, stops of the rig that read next to
nothing, shocks from outside that all bearings feel, heavy-tailed kurtosis. A defect shows in kurtosis first, heals
for a while as its edges are worn smooth (kurtosis falls, vibration too), comes back, and in the end vibration grows
fast; neighbours feel it through the shaft. Labelled from the defect's begin, as those who published curves put it, to
the end of the run; then the rig is stopped and goes on with a new bearing, if the file goes on."""
import numpy as np

from labelled import Labelled, Rules

from ._draws import wander

FILES = 24
RULES = Rules(late=20, quiet=120, probation=400)
SHARED = np.array([.35, .12, .05])


def defect(rng, length):
    """What a defect adds over its time: growth of vibration (a share) and of kurtosis."""
    since = np.arange(length) / length
    heal = rng.uniform(.3, .75)
    early = rng.uniform(.04, .3) * np.clip(since / .12, 0, 1) * (1 - .8 * np.exp(-((since - heal) / .12) ** 2))
    late = rng.uniform(.8, 4) * (np.exp(rng.uniform(4, 8) * since) - 1) / np.exp(rng.uniform(5, 8.4))
    sharp = rng.uniform(.6, 5) * np.clip(since / .2, 0, 1) * (1 - .85 * np.exp(-((since - heal) / .15) ** 2))
    # Blunt at the very end, when everything shakes.
    blunt = 1 - .6 * np.clip((since - .85) / .15, 0, 1)
    waver = np.exp(.25 * wander(rng, length, .9))
    return (early + np.minimum(late, 6)) * waver, sharp * blunt * waver


def make(rng, number):
    """Three to five weeks of the rig with one or two failures."""
    rows = int(rng.integers(3000, 5200))
    ends = [rows] if rng.random() < .6 else [int(rows * rng.uniform(.45, .6)), rows]
    level = rng.uniform(.06, .16, 4)
    warm = .03 * wander(rng, rows, .998) + .012 * np.sin(np.arange(rows) * 2 * np.pi / 144 + rng.uniform(0, 6))
    share, sharp, windows = np.zeros((rows, 4)), np.zeros((rows, 4)), []
    stopped = np.zeros(rows, bool)
    begin = 0
    for end in ends:
        length = int(min(rng.integers(60, 500), (end - begin) * .4))
        first = end - length
        bad = int(rng.integers(4))
        grown, pointed = defect(rng, length)
        for bearing in range(4):
            away = abs(bearing - bad)
            part = 1.0 if not away else SHARED[away - 1]
            share[first:end, bearing] += part * grown
            sharp[first:end, bearing] += part * .5 * pointed if away else pointed
        windows.append((first, end - 1))
        share[begin:end] += .08 * np.exp(-np.arange(end - begin) / 60.)[:, None]  # running in
        stopped[end:end + rng.integers(3, 12)] = True
        begin = end
    # Other stops, and changes of the level afterwards.
    for row in rng.integers(0, rows, rng.integers(2, 7)):
        stopped[row:row + int(rng.choice([1, 2, 8]))] = True
        level_change = 1 + rng.normal(0, .03, 4)
        share[row:] = (1 + share[row:]) * level_change - 1
    drift = np.stack([.025 * wander(rng, rows, .999) for _ in range(4)], 1)
    rms = level * (1 + share) * np.exp(drift + warm[:, None] + rng.normal(0, .018, (rows, 4)))
    kurtosis = rng.uniform(3.2, 3.9, 4) + sharp + .14 * rng.gamma(2, 1, (rows, 4)) + .1 * drift
    shocks = np.flatnonzero(rng.random(rows) < .002)
    kurtosis[shocks] += rng.gamma(1.5, 1.2, (len(shocks), 1)) * rng.uniform(.3, 1, (len(shocks), 4))
    rms[shocks] *= 1 + .15 * rng.random((len(shocks), 1))
    rms[stopped] = rng.uniform(.0015, .004, (stopped.sum(), 4))
    kurtosis[stopped] = 3 + .1 * rng.normal(0, 1, (stopped.sum(), 4))
    columns = {}
    for bearing in range(4):
        columns[f"bearing{bearing + 1}_rms"] = np.round(rms[:, bearing], 5)
        columns[f"bearing{bearing + 1}_kurtosis"] = np.round(kurtosis[:, bearing], 4)
    return Labelled(columns, windows, 600.0)
