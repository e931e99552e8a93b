"""Shaped like CARE to Compare (Gück, Roelofs, Faulstich 2024), wind farm A: operating data of wind turbines.

Kept: averages of ten minutes under the names of farm A: wind, power, speeds, pitch and the temperatures of gearbox,
generator, transformer, hydraulics and nacelle; power that follows the wind by its curve, calm spells, curtailment by
the grid, stops for service, temperatures that lag load and weather, whole degrees. Anomalies are what came before a
failure: a bearing, gearbox oil, the transformer, the hydraulic group or the pitch goes wrong slowly, for one to five
days, and at the end the turbine stops and is repaired, unlabelled. As in the real set a good part of the files has no
anomaly at all, and the label's begin is a guess of experts. Shortened: a month in place of a year, and fewer of the
86 columns."""
import numpy as np

from labelled import Labelled, Rules

from ._draws import wander

FILES = 24
RULES = Rules(late=36, quiet=144, probation=600)
# Degrees above the outside with no load, degrees for full load, and rows to follow.
PARTS = {"sensor_7_avg": (14, 4, 25), "sensor_11_avg": (30, 30, 5), "sensor_12_avg": (30, 18, 14),
         "sensor_13_avg": (20, 32, 7), "sensor_14_avg": (20, 28, 7), "sensor_15_avg": (22, 62, 6),
         "sensor_16_avg": (22, 63, 6), "sensor_17_avg": (22, 61, 6), "sensor_38_avg": (22, 42, 10),
         "sensor_39_avg": (22, 45, 10), "sensor_40_avg": (22, 41, 10), "sensor_41_avg": (21, 6, 18),
         "sensor_43_avg": (11, 7, 20)}
FAULTS = {"gearbox bearing": {"sensor_11_avg": 14, "sensor_12_avg": 4},
          "gearbox oil": {"sensor_12_avg": 11, "sensor_11_avg": 8},
          "generator bearing": {"sensor_13_avg": 25, "sensor_14_avg": 4},
          "transformer": {"sensor_38_avg": 16, "sensor_39_avg": 28},
          "hydraulic group": {"sensor_41_avg": 11}, "pitch": {}}


def wind_of(rng, rows, hour):
    """Metres a second: fronts of days, gusts of minutes, a little of the hour."""
    front = wander(rng, rows, .994) + .35 * wander(rng, rows, .9)
    wind = rng.uniform(5.8, 8) * np.exp(.42 * front - .09) * (1 + .08 * np.sin((hour - 15) / 24 * 2 * np.pi))
    return 30 * np.tanh(wind / 30)


def running(rng, rows, stops):
    """Whether the turbine may run, and which share of its power the grid lets it give."""
    on, share = np.ones(rows, bool), np.ones(rows)
    for begin in rng.integers(0, rows, rng.integers(3, 9)):
        on[begin:begin + int(rng.choice([2, 6, 30, 80], p=[.5, .3, .15, .05]))] = False
    for begin in rng.integers(0, rows, rng.integers(0, 5)):
        share[begin:begin + rng.integers(6, 60)] = rng.uniform(.2, .7)
    for begin in stops:
        on[begin:begin + rng.integers(20, 160)] = False
    return on, share


def warmth(rng, load, air, extra):
    """The temperatures of the parts, which lag; `extra` degrees at full load are a fault's."""
    idle, full, lag = np.array(list(PARTS.values()), float).T
    full, idle = full * rng.normal(1, .06, len(full)), idle * rng.normal(1, .05, len(idle))
    now, out = air[0] + idle, np.zeros((len(load), len(idle)))
    fan = False
    noise = rng.normal(0, .25, out.shape)
    for row in range(len(load)):
        goal = .75 * air[row] + 4 + idle * (.4 + .6 * (load[row] > 0)) + full * load[row] ** 1.3
        goal = goal + extra[row] * (.3 + .7 * load[row]) * (load[row] > 0)
        # Oil above a limit opens the cooler, so that oil stays where it is while load goes on.
        fan = now[2] > 58 or (fan and now[2] > 53)
        goal[1:3] -= 6 * fan
        now = now + (goal - now) / lag + noise[row]
        out[row] = now
    return out


def make(rng, number):
    """About a month of one turbine; two of five files have no failure."""
    rows = int(rng.integers(3900, 5000))
    windows, extra, stops, pitch_fault = [], np.zeros((rows, len(PARTS))), [], np.zeros(rows)
    if rng.random() < .6:
        length = int(rng.integers(150, 720))
        begin = int(rng.integers(800, rows - length - 250))
        early = int(rng.integers(-80, 60))  # where it really begins, beside the label
        since = np.clip(np.arange(rows) - begin + early, 0, length + early) / (length + early)
        since[begin + length:] = 0
        grown = since ** rng.uniform(.4, 1.5)
        fault = str(rng.choice(list(FAULTS)))
        for name, degrees in FAULTS[fault].items():
            extra[:, list(PARTS).index(name)] = degrees * rng.uniform(.6, 1.3) * grown
        pitch_fault = (fault == "pitch") * (grown > 0) * (rng.random(rows) < .1 + .4 * grown)
        windows, stops = [(begin, begin + length - 1)], [begin + length]
    hour = (np.arange(rows) / 6 + rng.uniform(0, 24)) % 24
    wind = wind_of(rng, rows, hour)
    on, share = running(rng, rows, stops)
    curve = np.clip((wind - 3.2) / 9, 0, 1)
    ideal = curve ** 2 * (3 - 2 * curve) * (wind < 24)
    loss = pitch_fault * rng.uniform(.1, .5, rows)
    load = np.minimum(ideal, share) * on * (1 - loss) * np.exp(.03 * rng.normal(0, 1, rows))
    load = np.clip(load, 0, 1.01)
    air = rng.uniform(2, 22) + 3 * wander(rng, rows, .998) + rng.uniform(1, 4) * np.sin((hour - 9) / 24 * 2 * np.pi)
    warm = warmth(rng, load, air, extra)
    turns = on * np.where(load > .003, np.clip(8.3 + 9 * ideal ** .5 * 1.15, 0, 14.9), rng.uniform(0, 1.5, rows))
    pitch = np.where(~on, 85, np.where(load < .003, 24, np.where(wind > 12, (wind - 12) * 2.1, -1.5)))
    pitch = pitch + 18 * (share < ideal) * (ideal - share) * on + pitch_fault * rng.uniform(2, 14, rows)
    direction = (rng.uniform(0, 360) + 70 * wander(rng, rows, .997) + 6 * rng.normal(0, 1, rows)) % 360
    columns = {"sensor_0_avg": np.round(air), "sensor_1_avg": np.round(direction, 1),
               "wind_speed_3_avg": np.round(np.maximum(wind + .15 * rng.normal(0, 1, rows), 0), 1),
               "sensor_5_avg": np.round(pitch + .1 * rng.normal(0, 1, rows), 1),
               "sensor_18_avg": np.round(turns * 111 + .8 * rng.normal(0, 1, rows) * (turns > 2), 1),
               "sensor_52_avg": np.round(turns, 1), "power_30_avg": np.round(load - .004 * (load < .003), 4)}
    columns |= {name: np.round(warm[:, i]) for i, name in enumerate(PARTS)}
    return Labelled(columns, windows, 600.0)
