"""Shaped like SED, NASA's simulated engine disks (Rotary Dynamics Laboratory; as used in TSB-UAD, Paparrizos 2022).

Kept: one waveform of a disk that turns at 3,000 a minute, some 75 rows a turn, which repeats with small changes of
speed and strength, run-out, hum and noise; labelled turns in which the disk is notched and the shape of a part of the
turn differs, by less than the wave is high; a window is about a turn long, and about 3 to 4 % of rows are in one.
Rows are written a millisecond apart, though the real ones are nearer together, so that time stamps differ."""
import numpy as np

from labelled import Labelled, Rules

from ._draws import apart, wander

FILES = 20
RULES = Rules(late=40, quiet=75, probation=1000)


def turn_shape(rng, angle):
    """The waveform over a turn: a strong first harmonic, weaker higher ones, and the teeth of the disk."""
    wave = np.cos(angle + rng.uniform(0, 6))
    for harmonic in (2, 3, 4, 6):
        wave += rng.uniform(.1, .45) / harmonic ** .5 * np.cos(harmonic * angle + rng.uniform(0, 6))
    return wave


def notch(rng, phase):
    """What a notch adds over a turn, for the phase from 0 to 1 in it."""
    centre, width, size = rng.uniform(.2, .8), rng.uniform(.03, .12), rng.choice([-1, 1]) * rng.uniform(.35, 1.1)
    dent = size * np.exp(-((phase - centre) / width) ** 2)
    return dent * (np.cos((phase - centre) / width * 4) if rng.random() < .5 else 1)


def make(rng, number):
    """One run of some 200 turns."""
    rows = int(rng.integers(13000, 18000))
    period = rng.uniform(68, 82)
    speed = 1 + rng.uniform(.002, .008) * wander(rng, rows, .999) + rng.uniform(-.01, .01) * np.arange(rows) / rows
    angle = 2 * np.pi * np.cumsum(speed) / period
    wave = turn_shape(rng, angle) * (1 + rng.uniform(.02, .06) * wander(rng, rows, .995))
    hum = rng.uniform(.02, .1) * np.sin(np.arange(rows) * 2 * np.pi / rng.uniform(5, 400))
    values = wave + hum + .06 * wander(rng, rows, .998) + rng.uniform(.02, .08) * rng.normal(0, 1, rows)
    length = round(period)
    lengths = [length] * int(rng.integers(5, 10))
    windows = []
    # A run has one kind of notch or two, which are seen in more than one turn.
    states = rng.integers(0, 2 ** 31, 2)
    turns = angle / (2 * np.pi)
    for begin in apart(rng, rows, lengths, 1900, 300):
        begin = int(np.searchsorted(turns, np.ceil(turns[begin])))
        phase = turns[begin:begin + length] % 1
        shape = np.random.default_rng(int(rng.choice(states)))
        values[begin:begin + length] += notch(shape, phase) * rng.uniform(.8, 1.2)
        windows.append((begin, begin + length - 1))
    return Labelled({"value": np.round(values * rng.uniform(.5, 2), 4)}, windows, .001)
