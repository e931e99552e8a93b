"""Shaped like WADI (Ahmed, Palleti, Mathur 2017): the water distribution testbed of iTrust in Singapore.

Kept: the raw water tank, the elevated reservoir and three of the consumers, under the real names, with states of valves
and pumps (1 shut or off, 2 open or on), set points, what controllers ask for, flow meters, levels, water quality probes
that wander and are recalibrated, and totals; a row each 10 seconds (the usual reduction of its one-second log). Attacks
are those of the paper's table by kind: a valve forced, a reading replaced, consumers cut off, a leak, a pump stopped,
dosing spoilt, a set point changed; most last 2 to 25 minutes, some do next to nothing, and what they leave behind (a
tank too full or empty) lasts longer than the label. Not kept: all 127 columns, and 14 quiet days before."""
import numpy as np

from labelled import Labelled, Rules

from ._draws import apart

FILES = 22
RULES = Rules(late=40, quiet=120, probation=600)
USERS = ("101", "201", "301")
ATTACKS = ("fill valve open", "flow meter replaced", "reservoir level replaced", "consumers shut", "consumer half shut",
           "turbidity spoilt", "leak", "raw pump stopped", "pressure set point", "booster stopped", "level frozen")


def probe(rng, rows, centre, drift, noise, digits):
    """A water quality probe: a walk pulled to its centre, and a calibration that moves it at a stroke."""
    walk = np.zeros(rows)
    steps = rng.normal(0, drift, rows)
    for row in range(1, rows):
        walk[row] = .998 * walk[row - 1] + steps[row]
    for begin in rng.integers(0, rows, rng.integers(0, 2)):
        walk[begin:] += rng.normal(0, 8 * drift)
    return np.round(centre + walk + rng.normal(0, noise, rows), digits)


def demand(rng, rows):
    """What the consumers are told to draw (set points, m3/h): steps of some ten minutes to an hour, more by day."""
    hour = (rng.uniform(0, 24) + np.arange(rows) / 360) % 24
    day = 1 + .35 * np.sin((hour - 9) / 24 * 2 * np.pi) + .2 * np.exp(-((hour - 19) / 1.5) ** 2)
    wanted = np.zeros((rows, len(USERS)))
    for user in range(len(USERS)):
        row = 0
        while row < rows:
            length = int(rng.integers(60, 360))
            wanted[row:row + length, user] = np.round(rng.uniform(.25, .75) * day[row], 2)
            row += length
    return wanted


def simulate(rng, wanted, attack):
    """The plant row by row; `attack` names what is going on in each row."""
    rows, users = len(wanted), len(USERS)
    noise = rng.normal(0, 1, (rows, 8 + users))
    raw, high, full = rng.uniform(45, 60), rng.uniform(55, 75), rng.uniform(10, 80, users)
    filling, lifting, opening, flow = False, False, np.full(users, 40.0), np.zeros(users)
    draining, speed, pressure, total = np.zeros(users, bool), 60.0, 65.0, rng.uniform(100, 900, users)
    kept = []
    gain = rng.uniform(.9, 1.15, users)
    for row in range(rows):
        now = attack[row]
        seen_high = 96.0 if now == "reservoir level replaced" else high
        filling = raw < 47 or (filling and raw < 68) or now == "fill valve open"
        lifting = (seen_high < 52 or (lifting and seen_high < 79)) and now != "raw pump stopped" and raw > 8
        lifted = 1.85 + .015 * noise[row, 0] if lifting else 0.0
        drawn = 2.1 + .02 * noise[row, 1] if filling else 0.0
        # Each consumer's valve follows its set point, unless its tank is full and is being drained.
        draining = (full > 92) | (draining & (full > 15))
        target = np.where(draining, 0.0, wanted[row])
        opening = np.clip(opening + 14 * (target - flow), 0, 100) * (target > 0)
        if now == "consumers shut":
            opening[:] = 0
        elif now == "consumer half shut":
            opening[0] = min(opening[0], 12.0)
        set_point = 42.0 if now == "pressure set point" else 65.0
        speed = float(np.clip(speed + .12 * (set_point - pressure), 0, 100)) if now != "booster stopped" else 0.0
        push = max(pressure, 1) / 65
        flow = .4 * flow + .6 * np.maximum(gain * opening / 75 * push + .006 * noise[row, 8:], 0) * (opening > 1)
        out, leak = flow.sum(), .45 if now == "leak" else 0.0
        pressure += .25 * (speed * .85 + .28 * high - 6 * out - 9 * leak - pressure) + .25 * noise[row, 2]
        raw = float(np.clip(raw + .055 * (drawn - lifted), 0, 100))
        high = float(np.clip(high + .05 * (lifted - out * .75 - leak), 0, 100))
        full = np.where(draining, full - 1.1, np.minimum(full + .3 * flow, 100))
        total = total + flow / 360
        read = {
            "1_FIT_001_PV": 1.0 if now == "flow meter replaced" else drawn, "1_LT_001_PV": raw + .12 * noise[row, 3],
            "1_MV_001_STATUS": 1 + filling, "1_P_005_STATUS": 1 + lifting, "2_FIT_001_PV": lifted,
            "2_LT_002_PV": seen_high + .1 * noise[row, 4], "2_PIT_001_PV": pressure, "2_PIC_003_SP": set_point,
            "2_PIC_003_CO": speed, "2_P_003_STATUS": 1 + (speed > 5),
            "2_FIT_002_PV": max(out + leak + .01 * noise[row, 5], 0),
            "2_DPIT_001_PV": .3 * (out + leak) ** 2 + .01 * noise[row, 6],
            "LEAK_DIFF_PRESSURE": pressure - 3 * out - 12 * leak + .4 * noise[row, 7],
            "TOTAL_CONS_REQUIRED_FLOW": wanted[row].sum()}
        for user, name in enumerate(USERS):
            read |= {f"2_FIC_{name}_PV": flow[user], f"2_FIC_{name}_SP": target[user],
                     f"2_MCV_{name}_CO": opening[user], f"2_MV_{name}_STATUS": 1 + draining[user],
                     f"2_FQ_{name}_PV": total[user]}
        kept.append(list(read.values()))
    return dict(zip(read, np.array(kept, float).T))


def make(rng, number):
    """Half a day of the testbed with two to four attacks."""
    rows = int(rng.integers(3600, 4400))
    lengths = [int(n) for n in rng.integers(12, 150, rng.integers(2, 5))]
    attack, windows = np.full(rows, "", object), []
    for begin, length in zip(apart(rng, rows, lengths, 650, 220), lengths):
        attack[begin:begin + length] = rng.choice(ATTACKS)
        windows.append((begin, begin + length - 1))
    columns = simulate(rng, demand(rng, rows), attack)
    quality = {"1_AIT_001_PV": probe(rng, rows, rng.uniform(160, 185), .12, .25, 2),
               "1_AIT_002_PV": np.maximum(probe(rng, rows, rng.uniform(.3, .9), .012, .02, 4), 0),
               "1_AIT_003_PV": probe(rng, rows, rng.uniform(11.4, 12), .002, .004, 3),
               "1_AIT_004_PV": probe(rng, rows, rng.uniform(440, 500), .25, .3, 2),
               "1_AIT_005_PV": np.maximum(probe(rng, rows, rng.uniform(.2, .4), .003, .004, 4), 0)}
    # Bubbles: turbidity has spikes that mean nothing.
    bubbles = rng.random(rows) < .002
    quality["1_AIT_002_PV"][bubbles] += rng.gamma(2, .5, bubbles.sum())
    spoilt = attack == "turbidity spoilt"
    quality["1_AIT_002_PV"][spoilt] = 6.0
    frozen = np.flatnonzero(attack == "level frozen")
    for row in frozen:
        columns["1_LT_001_PV"][row] = columns["1_LT_001_PV"][row - 1]
    gauges = {name: np.round(values, 4) for name, values in columns.items()}
    return Labelled(quality | gauges, windows, 10.0)
