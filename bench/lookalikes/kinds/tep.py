"""Shaped like the Tennessee Eastman process (Downs and Vogel 1993; the fault files of Chiang, Russell and Braatz, and
of Rieth et al. 2017).

Kept: the 22 continuous measurements and 11 valves a row each 3 minutes, with the base case's values and spreads; loops
that make valves move against what they measure; disturbances IDV 1 to 21 as steps, random variation, slow drift,
sticking and a frozen valve, of which some are compensated (only the valve tells) and three (3, 9, 15) hardly show. The
label runs from the moment a fault is switched on until it is switched off; the way back to normal is not labelled.
Not kept: one fault a file of 960 rows; here a longer run has one to three."""
import numpy as np

from labelled import Labelled, Rules

from ._draws import apart, wander

FILES = 22
RULES = Rules(late=30, quiet=100, probation=400)

# Value at the base case and spread in normal operation.
MEASURES = np.array([
    (0.2505, 0.03), (3664.0, 33), (4509.3, 37), (9.3477, 0.085), (26.902, 0.21), (42.339, 0.22), (2705.0, 6.5),
    (75.0, 0.53), (120.40, 0.019), (0.3371, 0.012), (80.109, 0.25), (50.0, 1.0), (2633.7, 6.5), (25.160, 1.0),
    (50.0, 1.0), (3102.2, 6.3), (22.949, 0.63), (65.731, 0.9), (230.31, 9.5), (341.43, 1.4), (94.599, 0.13),
    (77.297, 0.25)])
VALVES = np.array([
    (63.053, 0.55), (53.980, 0.45), (24.644, 3.0), (61.302, 1.3), (22.210, 0.25), (40.064, 1.5), (38.100, 2.9),
    (46.534, 2.3), (47.446, 2.5), (41.106, 0.5), (18.114, 1.4)])

# The loops: which measurement each of them holds, by which valve (both from 0).
HELD = np.array([0, 1, 2, 3, 8, 10, 6, 17, 11, 14, 4])
MOVED = np.array([2, 0, 1, 3, 9, 10, 5, 8, 6, 7, 4])
LAZY = np.array([.15, .15, .15, .15, .55, .75, .96, .8, .7, .7, .6])
WHITE = np.array([.8, .9, .9, .8, .75, .4, .25, .3, .7, .7, .7])
A_FEED, D_FEED, E_FEED, C_FEED, HEAT, SEPARATOR, PRESSURE, STRIPPER, LEVEL, BASE, RECYCLE = range(11)

# The disturbances: their manner, and what they do to the loads of the loops, in spreads.
FAULTS = {
    1: ("step", {A_FEED: -9, PRESSURE: 5, STRIPPER: -4, LEVEL: 2}),
    2: ("step", {PRESSURE: -12, STRIPPER: 3, RECYCLE: 1}), 3: ("step", {D_FEED: .2}), 4: ("step", {HEAT: 8}),
    5: ("fading", {SEPARATOR: 9, PRESSURE: 4, STRIPPER: 5, LEVEL: 3}),
    6: ("step", {A_FEED: -45, PRESSURE: 9, RECYCLE: 3}), 7: ("step", {C_FEED: -10, PRESSURE: -3, STRIPPER: -2}),
    8: ("random", {PRESSURE: 8, A_FEED: 4, STRIPPER: 4, RECYCLE: 1.5}), 9: ("random", {D_FEED: .2}),
    10: ("random", {STRIPPER: 4, PRESSURE: .6}), 11: ("random", {HEAT: 7}),
    12: ("random", {SEPARATOR: 7, PRESSURE: 4, LEVEL: 3, STRIPPER: 3}),
    13: ("drift", {HEAT: 7, PRESSURE: 9, SEPARATOR: 5, STRIPPER: 4}), 14: ("sticking", {HEAT: 5}),
    15: ("sticking", {SEPARATOR: .4}), 16: ("random", {STRIPPER: 5}), 17: ("drift", {HEAT: 12}),
    18: ("drift", {SEPARATOR: 14, HEAT: 4, PRESSURE: 6}), 19: ("sticking", {RECYCLE: 3}),
    20: ("drift", {RECYCLE: 5, PRESSURE: 2}), 21: ("frozen", {C_FEED: 0})}


def loads_of(rng, manner, sizes, length):
    """What a disturbance adds to the loads while it is on."""
    add = np.zeros((length, 11))
    since = np.arange(length)
    random = wander(rng, length, .93)
    for loop, size in sizes.items():
        size = size * rng.uniform(.7, 1.2)
        shape = {"step": 1 - np.exp(-since / 4), "fading": np.exp(-since / 80), "random": random,
                 "drift": np.minimum(since / (.7 * length), 1) + .2 * random}.get(manner, 0 * since)
        add[:, loop] = size * shape
    return add


def run(rng, loads, stuck, frozen):
    """The plant under its loops, in spreads: what is held, and where the valves are said to be."""
    rows = len(loads)
    held, said = np.zeros((rows, 11)), np.zeros((rows, 11))
    noise = rng.normal(0, 1, (rows, 11)) * WHITE
    lowest = (0 - VALVES[MOVED, 0]) / VALVES[MOVED, 1]
    highest = (100 - VALVES[MOVED, 0]) / VALVES[MOVED, 1]
    level, total, valve, real = np.zeros(11), np.zeros(11), np.zeros(11), np.zeros(11)
    for row in range(rows):
        level = LAZY * level + (1 - LAZY) * (loads[row] + real)
        seen = level + noise[row]
        total = np.clip(total - .25 * (1 - LAZY * .8) * seen, lowest, highest)
        valve = np.clip(total - .35 * seen, lowest, highest)
        if frozen[row]:
            valve[C_FEED] = 0
        # A valve that sticks stays where it is until enough is asked of it, and then jumps.
        real = np.where(np.abs(valve - real) > stuck[row], valve + .7 * stuck[row] * np.sign(valve - real), real)
        held[row], said[row] = seen, valve
    return held, said


def make(rng, number):
    """A run of a week with one to three disturbances."""
    rows = int(rng.integers(3000, 3500))
    kinds = [1 + (number + k * 8) % 21 for k in range(rng.integers(1, 4))]
    lengths = [int(rng.integers(110, 150) if kind == 6 else rng.integers(140, 400)) for kind in kinds]
    begins = apart(rng, rows, lengths, 450, 200)
    slow = wander(rng, (rows, 12), .985)
    loads = .5 * slow[:, :11] + .4 * slow[:, 11:] * np.array([.5, 0, 0, .3, .2, .5, 1, .6, .4, .2, .4])
    stuck, frozen, windows = np.zeros((rows, 11)), np.zeros(rows, bool), []
    for kind, begin, length in zip(kinds, begins, lengths):
        manner, sizes = FAULTS[kind]
        loads[begin:begin + length] += loads_of(rng, manner, sizes, length)
        if manner == "sticking":
            for loop, size in sizes.items():
                stuck[begin:begin + length, loop] = size
        frozen[begin:begin + length] = manner == "frozen"
        loads[begin:begin + length, C_FEED] += 3 * slow[begin:begin + length, 3] * (manner == "frozen")
        windows.append((begin, begin + length - 1))
    held, said = run(rng, loads, stuck, frozen)
    white, lazy = rng.normal(0, 1, (rows, 22)), wander(rng, (rows, 2), .95)
    seen = white.copy()
    seen[:, HELD] = held
    pressure, heat = held[:, PRESSURE], held[:, HEAT]
    seen[:, 5] = .6 * held[:, C_FEED] + .4 * held[:, RECYCLE] + .7 * white[:, 5]
    seen[:, 7] = .6 * lazy[:, 0] + .3 * heat + .7 * white[:, 7]
    seen[:, 9] = .7 * said[:, PRESSURE] + .5 * white[:, 9]
    seen[:, 12] = pressure + .2 * white[:, 12]
    seen[:, 13] = .7 * said[:, LEVEL] + .6 * white[:, 13]
    seen[:, 15] = pressure + .25 * white[:, 15]
    seen[:, 16] = .6 * said[:, BASE] + .7 * white[:, 16]
    seen[:, 18] = said[:, STRIPPER] + .25 * white[:, 18]
    seen[:, 19] = .6 * said[:, RECYCLE] + .5 * pressure + .4 * white[:, 19]
    seen[:, 20] = .5 * loads[:, HEAT] - .3 * said[:, HEAT] + .4 * lazy[:, 1] + .6 * white[:, 20]
    seen[:, 21] = held[:, SEPARATOR] * .8 + .3 * loads[:, SEPARATOR] + .4 * white[:, 21]
    valves = np.zeros((rows, 11))
    valves[:, MOVED] = said
    measures = np.maximum(MEASURES[:, 0] + MEASURES[:, 1] * seen, 0)
    valves = np.clip(VALVES[:, 0] + VALVES[:, 1] * valves, 0, 100)
    columns = {f"xmeas_{i + 1}": np.round(measures[:, i], 5 if i in (0, 9) else 3) for i in range(22)}
    columns |= {f"xmv_{i + 1}": np.round(valves[:, i], 3) for i in range(11)}
    return Labelled(columns, windows, 180.0)
