"""Shaped like the SensorScope files of TSB-UAD (weather stations of EPFL; Yao et al. 2010, Paparrizos et al. 2022).

Kept: one quantity of one station a file (air or surface temperature, humidity, wind, sunshine, soil) every two minutes,
with its days, weather that changes from day to day, clouds, gusts, coarse steps of some gauges, readings lost in the
radio (the last one is repeated). Anomalies are sensor faults: spikes, stuck values, noise from a failing battery, jumps
and slow departures; up to some 10 % of rows. Labels are as sloppy as the real ones: windows are cut too wide or too
late, many short glitches are labelled by nobody, and now and then a window holds nothing that an eye would see."""
import numpy as np

from labelled import Labelled, Rules

from ._draws import apart, wander

FILES = 28
RULES = Rules(late=30, quiet=150, probation=1000)
DAY = 720
QUANTITIES = ("ambient_temperature", "surface_temperature", "relative_humidity", "wind_speed", "solar_radiation",
              "soil_moisture")


def weather(rng, rows, quantity):
    """A quantity in good order, and the step in which its gauge reads."""
    day = (rng.uniform(0, 1) + np.arange(rows) / DAY) % 1
    season, cloud = wander(rng, rows, .9996), wander(rng, rows, .99)
    height = np.clip(np.sin((day - .25) * 2 * np.pi), 0, 1)
    clear = np.clip(.75 + .35 * season - .45 * np.maximum(cloud + .3 * wander(rng, rows, .8), 0), .05, 1)
    warm = np.convolve(height * clear, np.exp(-np.arange(180) / 60.) / 60, "full")[:rows]
    air = rng.uniform(-3, 16) + 4 * season + rng.uniform(5, 11) * warm + .5 * wander(rng, rows, .97)
    match quantity:
        case "ambient_temperature":
            return air + .06 * rng.normal(0, 1, rows), rng.choice([.01, .06, .1])
        case "surface_temperature":
            return air - 2 + 12 * height * clear + .5 * wander(rng, rows, .9), .06
        case "relative_humidity":
            return np.clip(82 - 4.2 * (air - air.mean()) + 7 * cloud, 8, 100), rng.choice([.03, .5])
        case "wind_speed":
            mean = np.exp(.3 + .7 * season + .5 * height + .35 * cloud)
            gusts = mean * rng.gamma(4, .25, rows) * (1 + .3 * wander(rng, rows, .7))
            return np.where(gusts < .35, 0, gusts), .1
        case "solar_radiation":
            return np.maximum(rng.uniform(650, 1000) * height * clear + rng.normal(0, 2, rows), 0), rng.choice([.1, 1.])
        case _:
            rain = np.convolve(rng.random(rows) < 1 / (4 * DAY), np.exp(-np.arange(4 * DAY) / DAY), "full")[:rows]
            return 18 + 6 * rain + .8 * np.sin(day * 2 * np.pi) + .08 * rng.normal(0, 1, rows), .1


def spoil(rng, values, begin, length):
    """Puts a fault of the sensor into some rows; seldom, one that cannot be seen."""
    part, rows = slice(begin, begin + length), np.arange(length)
    spread = values.std()
    match rng.choice(["spikes", "stuck", "noise", "jump", "depart", "nothing"], p=[.28, .24, .18, .14, .12, .04]):
        case "spikes":
            hit = rng.random(length) < rng.uniform(.05, .4)
            hit[rng.integers(length)] = True
            values[part][hit] += rng.choice([-1, 1]) * spread * rng.uniform(1.5, 6) * rng.uniform(.5, 1, hit.sum())
        case "stuck":
            values[part] = values[begin] if rng.random() < .7 else np.round(values.min() - spread * rng.uniform(0, 3))
        case "noise":
            values[part] += rng.normal(0, spread * rng.uniform(.3, 1.5), length)
        case "jump":
            values[part] += rng.choice([-1, 1]) * spread * rng.uniform(.7, 2.5)
        case "depart":
            values[part] += rng.choice([-1, 1]) * spread * rng.uniform(1, 3) * np.sin(np.pi * rows / length)


def make(rng, number):
    """Two to four weeks of one gauge."""
    rows = int(rng.integers(11000, 18000))
    quantity = QUANTITIES[number % len(QUANTITIES)]
    values, step = weather(rng, rows, quantity)
    lost = np.flatnonzero(np.convolve(rng.random(rows) < .002, np.ones(int(rng.integers(2, 15))), "full")[:rows] > 0)
    for row in lost[lost > 0]:
        values[row] = values[row - 1]
    lengths = [int(n) for n in np.clip(rng.lognormal(4.6, 1.2, rng.integers(2, 10)), 4, 700)]
    windows = []
    for begin, length in zip(apart(rng, rows, lengths, 2300, 250), lengths):
        spoil(rng, values, begin, length)
        wide = [int(rng.integers(0, 40)) if rng.random() < .4 else 0 for _ in range(2)]
        late = int(rng.integers(0, max(length // 4, 1))) if rng.random() < .25 else -wide[0]
        windows.append((begin + late, min(begin + length - 1 + wide[1], rows - 1)))
    # Glitches of a few rows which nobody labelled.
    for begin in rng.integers(0, rows - 5, rng.poisson(4)):
        values[begin:begin + rng.integers(1, 4)] += rng.normal(0, 1.2) * values.std()
    floor = 0 if quantity in ("wind_speed", "solar_radiation") and rng.random() < .5 else -np.inf
    return Labelled({quantity: np.round(np.round(np.maximum(values, floor) / step) * step, 3)}, windows, 120.0)
