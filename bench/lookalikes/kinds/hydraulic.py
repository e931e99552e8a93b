"""Shaped like the condition monitoring set of the ZeMA hydraulic test rig (Helwig, Pignanelli, Schütze 2015).

Kept: pressures, motor power, flows, temperatures, vibration and two virtual sensors of a rig that repeats a load
cycle of 60 seconds, brought to one row a second; cooler, valve, pump leakage and accumulator, each in the real steps
of condition; a warming-up at the start, whose cycles are not stable. Labelled is the time a component is below its
best, from cycle to cycle; as in the real set a weak accumulator or a valve at 90 % changes little, a cooler near
failure much. Not kept: the real set tries all conditions, so that few cycles are healthy; here faults are spells in a
healthy run."""
import numpy as np

from labelled import Labelled, Rules

from ._draws import apart

FILES = 24
RULES = Rules(late=60, quiet=120, probation=900)
CYCLE = 60


def load_cycle(rng):
    """Pressure that the valve asks for in each second of the cycle: high and low plateaus, then a falling staircase."""
    levels = [(0, 8, 155), (8, 11, 188), (11, 20, 150), (20, 22, 182), (22, 32, 158), (32, 40, 168), (40, 48, 146),
              (48, 60, 156)]
    shape = np.zeros(CYCLE)
    for begin, end, level in levels:
        shape[begin:end] = level + rng.normal(0, 1.5)
    return shape


def spells(rng, cycles):
    """Cooler (% of full), valve (%), leakage (0 to 2) and accumulator (bar) per cycle, and the spells of a fault."""
    cooler, valve = np.full(cycles, 100.0), np.full(cycles, 100.0)
    leak, store = np.zeros(cycles), np.full(cycles, 130.0)
    lengths = [int(n) for n in rng.integers(4, 14, rng.integers(1, 4))]
    windows = []
    for begin, length in zip(apart(rng, cycles, lengths, 18, 10), lengths):
        part = slice(begin, begin + length)
        match rng.integers(4):
            case 0:
                cooler[part] = rng.choice([20.0, 3.0])
            case 1:
                valve[part] = rng.choice([90.0, 80.0, 73.0])
            case 2:
                leak[part] = rng.choice([1.0, 2.0])
            case 3:
                store[part] = rng.choice([115.0, 100.0, 90.0])
        windows.append((begin * CYCLE, (begin + length) * CYCLE - 1))
    return cooler, valve, leak, store, windows


def make(rng, number):
    """A run of the rig of about two hours."""
    cycles = int(rng.integers(90, 125))
    rows = cycles * CYCLE
    cooler, valve, leak, store, windows = (np.repeat(v, CYCLE) if isinstance(v, np.ndarray) else v
                                           for v in spells(rng, cycles))
    asked = np.tile(load_cycle(rng), cycles)
    noise = rng.normal(0, 1, (rows, 12))
    second = np.arange(rows) % CYCLE
    ps1, oil, power, follow = np.zeros(rows), np.zeros(rows), np.zeros(rows), asked[0]
    warm, room = rng.uniform(30, 36), rng.uniform(19, 24)
    drift = np.cumsum(rng.normal(0, .004, rows))
    for row in range(rows):
        # A tired valve comes late to what is asked; a weak accumulator lets the peaks sag and ring.
        lag = .12 + .02 * (100 - valve[row])
        follow += (1 - min(lag, .75)) * (asked[row] - follow)
        sag = (130 - store[row]) / 40 * (1.1 if asked[row] > 175 else .25)
        ps1[row] = follow - 3.2 * leak[row] - sag * (1 + .5 * noise[row, 0]) + drift[row] + .35 * noise[row, 1]
        power[row] = 2150 + 12.5 * (ps1[row] - 150) + 28 * leak[row]
        warm += (power[row] / 2200 * 14.5 + 3 * leak[row] - (cooler[row] + 8) / 108 * .85 * (warm - room)) / 900
        oil[row] = warm
    effective = 15 * cooler / 100 + 3.5
    viscous = (oil - 40) / 20
    idle = (second >= 8) & (second < 11)
    ps2 = np.where(idle, .05 * np.abs(noise[:, 2]), ps1 - 32 - .9 * viscous + .5 * noise[:, 2])
    ps3 = np.where(idle, .02 * np.abs(noise[:, 3]), 1.9 + .1 * (ps1 - 150) / 10 - .12 * leak + .02 * noise[:, 3])
    flow = 6.7 - .28 * leak - .01 * (ps1 - 155) + .15 * viscous + .09 * noise[:, 4]
    fs1 = np.where(idle, .02 * np.abs(noise[:, 4]), flow)
    ce = np.interp(cooler, (3, 20, 100), (18.5, 28, 47)) + .25 * noise[:, 5]
    columns = {
        "PS1": ps1, "PS2": ps2, "PS3": ps3, "PS5": 9.95 - .55 * viscous + .01 * noise[:, 6],
        "EPS1": np.round((power + 7 * noise[:, 7]) / 2) * 2, "FS1": fs1,
        "FS2": 10.2 - .35 * viscous + .025 * noise[:, 8],
        "TS1": oil + .04 * noise[:, 9], "TS4": oil - .28 * effective + .05 * noise[:, 9],
        "VS1": .58 + .02 * leak + .08 * idle + .02 * noise[:, 10] + .05 * (100 - cooler) / 97,
        "CE": ce, "SE": np.where(idle, 0, 58 - 5 * leak - .04 * (100 - valve) + .12 * (ps1 - 155) + .7 * noise[:, 11])}
    return Labelled({name: np.round(values, 3) for name, values in columns.items()}, windows, 1.0)
