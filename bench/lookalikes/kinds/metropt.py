"""Shaped like MetroPT-3 (Veloso, Ribeiro, Gama, Pereira 2022): the air production unit of a metro train in Porto.

Kept: seven analogue gauges and eight digital signals each 10 seconds under the real names; the saw-tooth of load and
idling with no clock, since the train's braking and doors set it; nights in the depot, the second compressor taking
over, towers that alternate, gauges that read a little below nought at rest, digital signals that blink. Failures are
air leaks (the compressor runs on, pressure does not come up, oil gets hot) and now and then an oil leak; the label is
that of the maintenance report: it may begin after the leak does, and end before or after the repair. Shortened: a
failure of a day or two among half a year is here one of half an hour to two hours in about a day."""
import numpy as np

from labelled import Labelled, Rules

from ._draws import apart

FILES = 24
RULES = Rules(late=60, quiet=180, probation=900)


def use_of_air(rng, rows):
    """Bar a row that the train draws: in service, in bursts; in the depot next to nothing."""
    draw = np.where(rng.random(rows) < .35, rng.gamma(2, .035, rows), .006)
    hour = (rng.uniform(0, 24) + np.arange(rows) / 360) % 24
    busy = 1 + .35 * np.exp(-((hour - 8.5) / 1.5) ** 2) + .35 * np.exp(-((hour - 18) / 1.8) ** 2)
    depot = (hour > 1.3) & (hour < 5.2 + rng.uniform(-.5, .5))
    for begin in rng.integers(0, rows, rng.integers(0, 3)):  # the other compressor of the train does the work
        draw[begin:begin + rng.integers(60, 300)] *= .25
    return np.where(depot, .008, draw * busy) * rng.uniform(.8, 1.2)


def run(rng, draw, leak):
    """The compressor: per row pressure, whether it loads, whether its motor turns, the tower, and oil's temperature."""
    rows = len(draw)
    out = np.zeros((rows, 6))
    pressure, loaded, motor, idle, tower, turn, oil = 9.2, False, False, 0, 1, 0, rng.uniform(52, 62)
    low, high = 8.15 + rng.normal(0, .05), 10.1 + rng.normal(0, .08)
    gain, cool, rest = rng.uniform(.15, .2), rng.uniform(.004, .007), int(rng.integers(10, 25))
    jitter = rng.normal(0, .06, rows)
    outside = rng.uniform(45, 52)
    for row in range(rows):
        started = False
        if not loaded and pressure < low + jitter[row]:
            loaded, started, motor = True, not motor, True
            tower = 1 - tower
            turn = 0
        elif loaded and pressure > high + jitter[row]:
            loaded, idle = False, 0
        elif not loaded and motor:
            idle += 1
            motor = idle < rest
        turn += loaded
        if turn > 14:  # a long load changes the tower again and again
            tower, turn = 1 - tower, 0
        pressure = max(pressure + loaded * gain - draw[row] - leak[row] * pressure / 9, 1)
        warm = 22 * loaded + 14 * motor
        oil += cool * (outside + warm - oil)
        out[row] = pressure, loaded, motor, started, tower if loaded else 1, oil
    return out.T


def failures(rng, rows):
    """Leaks per row, the rows in which oil is low, and what the report says of them."""
    leak, oil_low, windows = np.zeros(rows), np.zeros(rows, bool), []
    lengths = [int(n) for n in rng.integers(180, 720, rng.integers(1, 3))]
    for begin, length in zip(apart(rng, rows, lengths, 1100, 500), lengths):
        if rng.random() < .15:
            oil_low[begin:begin + length] = rng.random(length) < .9
        else:
            early = int(rng.integers(0, 50))
            since = np.arange(length + early)
            size = rng.uniform(.09, .22)
            grown = np.minimum(since / rng.uniform(20, 120), 1) if rng.random() < .5 else 1.0
            leak[begin - early:begin + length] += size * grown
        windows.append((begin, begin + length - 1))
    return leak, oil_low, windows


def blinks(rng, rows, usual, share):
    """A digital signal that leaves its usual value in short runs, about `share` of the time."""
    away = np.convolve(rng.random(rows) < share / 3, np.ones(3), "same") > 0
    return np.where(away, 1 - usual, usual).astype(float)


def make(rng, number):
    """About a day of one train."""
    rows = int(rng.integers(7500, 9500))
    leak, oil_low, windows = failures(rng, rows)
    pressure, loaded, motor, started, tower, oil = run(rng, use_of_air(rng, rows), leak)
    loaded, motor = loaded > 0, motor > 0
    noise = rng.normal(0, 1, (rows, 5))
    rest = rng.uniform(-.02, -.008, 3)
    tp2 = np.where(loaded, pressure + .25 + .04 * noise[:, 0], rest[0] + .003 * np.round(noise[:, 0]))
    first_rows = started > 0
    tp2[first_rows] *= rng.uniform(.3, .95, first_rows.sum())
    # The towers blow off when they change and, with a leak, far more than they should.
    blow = (np.diff(tower, prepend=1) != 0) & loaded
    blow |= (leak > .08) & loaded & (rng.random(rows) < .35)
    current = np.where(loaded, 5.6 + .12 * (pressure - 8) + .12 * noise[:, 1],
                       np.where(motor, 3.75 + .06 * noise[:, 1], .04 + .004 * np.round(noise[:, 1])))
    current = np.where(first_rows, rng.uniform(6.5, 9.2, rows), current)
    unloaded = np.where(rng.random(rows) < .004, loaded, ~loaded).astype(float)
    columns = {
        "TP2": tp2, "TP3": pressure + .015 * noise[:, 2],
        "H1": np.where(loaded, rest[1] + .003 * np.round(noise[:, 3]), pressure - .015 + .015 * noise[:, 3]),
        "DV_pressure": np.where(blow, rng.uniform(.8, 2.2, rows), rest[2] + .002 * np.round(noise[:, 4])),
        "Reservoirs": pressure + .005 * noise[:, 3],
        "Oil_temperature": np.round((oil + .1 * noise[:, 4]) / .025) * .025,
        "Motor_current": np.round(current / .0025) * .0025,
        "COMP": unloaded, "DV_eletric": loaded.astype(float), "Towers": tower,
        "MPG": np.where(rng.random(rows) < .006, 1 - unloaded, unloaded), "LPS": (pressure < 7).astype(float),
        "Pressure_switch": blinks(rng, rows, 1, .01),
        "Oil_level": np.where(oil_low, 0, blinks(rng, rows, 1, rng.choice([0., .002, .02]))),
        "Caudal_impulses": blinks(rng, rows, 1, rng.uniform(.01, .08))}
    return Labelled({name: np.round(values, 4) for name, values in columns.items()}, windows, 10.0)
