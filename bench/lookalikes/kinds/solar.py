"""Shaped like the operating data of a photovoltaic plant, as DKASC, PVDAQ or the Indian plants of Kaggle (2020) are: an
averaged row each quarter of an hour.

Kept: irradiation, temperature of air and modules, DC and AC power, voltage and temperature of four inverters, the
power at the meter; nights in which all is nought (or an inverter says nothing), clouds that come and go, overcast and
clear days, haze, modules that are worse when hot, inverters that are each a little different and start at a few watts,
shadow on one of them at a low sun, limits of the inverters that cut off the best hours of a cool day, curtailment of
all by the grid, dust that gathers and that rain washes off. Faults: strings out of one inverter, modules soiled at a
stroke (a building site, birds, snow), an inverter that trips, again and again or for good, one that is derated because
it is hot, a limit set wrongly, a sensor of irradiation or temperature that is stuck, drifts or is shaded. Labels go
from the first to the last row in which the fault shows; a night in between is inside of them."""
import numpy as np

from labelled import Labelled, Rules

from ._draws import joined, lagged, places, wander

FILES = 24
RULES = Rules(late=24, quiet=96, probation=960)
DAY, INVERTERS = 96, 4
# Faults, how often each is the one, and how many days it lasts at least and at most.
FAULTS = {"string": (.22, 1, 9), "soiling": (.14, 3, 12), "trip": (.2, .1, 2), "trips": (.1, 1, 4),
          "derated": (.1, 1, 6), "limit": (.1, 1, 6), "stuck": (.1, .3, 3), "drift": (.06, 4, 10), "hot": (.08, 1, 5)}


def sun_of(rng, rows):
    """The sine of the sun's height, and the hour of the day."""
    latitude, hour = np.radians(rng.uniform(12, 42)), np.arange(rows) / 4 % 24
    day = rng.uniform(0, 365) + np.arange(rows) / DAY
    tilt = np.radians(-23.4 * np.cos(2 * np.pi * (day + 10) / 365))
    high = np.sin(latitude) * np.sin(tilt) + np.cos(latitude) * np.cos(tilt) * np.cos((hour - 12.2) / 12 * np.pi)
    return np.maximum(high, 0), hour


def clear_share(rng, rows):
    """Which share of a clear sky's light comes through: days have a weather, and clouds come in groups."""
    weather = np.interp(np.arange(rows) / DAY, np.arange(rows // DAY + 3), rng.normal(0, 1, rows // DAY + 3))
    weather = weather + .5 * wander(rng, rows, .99) - rng.uniform(-.6, .6)
    thick = np.clip(.5 * weather, 0, .85)  # overcast
    broken = np.exp(-((weather - .2) / .6) ** 2)  # fair-weather clouds, which are what varies most
    cloud = np.clip(wander(rng, rows, .75) * .9, 0, 1.6) * .42 * broken
    edge = .06 * broken * (cloud == 0) * rng.random(rows)  # light from the edges of clouds adds to the sun's
    return np.clip((1 - thick) * (1 - cloud) + edge, .04, 1.08) * (1 - .05 * np.abs(wander(rng, rows, .998)))


def plan(rng, rows):
    """The faults and the rows that they last."""
    names, weights = list(FAULTS), np.array([fault[0] for fault in FAULTS.values()])
    wanted = [str(n) for n in rng.choice(names, 2 + rng.poisson(1.3), p=weights / weights.sum())]
    lengths = {int(DAY * rng.uniform(*FAULTS[name][1:])): name for name in wanted}
    return [(*window, lengths[window[1] - window[0] + 1])
            for window in places(rng, rows, list(lengths), RULES.probation + 60, 160)]


def make(rng: np.random.Generator, number: int) -> Labelled:
    rows = int(rng.integers(5800, 6500))
    high, hour = sun_of(rng, rows)
    share = clear_share(rng, rows)
    light = 1080 * high ** .95 * share
    raining = (share < .25) & (rng.random(rows) < .05)
    faults = plan(rng, rows)
    # Dust gathers day by day until it rains.
    dust, gathers, dirt = 0.0, rng.uniform(.0005, .003) / DAY, []
    for wet in raining.tolist():
        dust = .15 * dust if wet else min(dust + gathers, .12)
        dirt.append(dust)
    tilted = light * (1 + rng.uniform(.02, .12) * np.sin((hour - 12) / 12 * np.pi))
    air = rng.uniform(8, 30) + 3.5 * wander(rng, rows, .998) + lagged(light, .95) * .012 + .2 * wander(rng, rows, .8)
    wind = np.abs(2.5 + 1.6 * wander(rng, rows, .95))
    module = air + lagged(tilted, .35) * .034 / (1 + .12 * wind) - 1.5 * (light == 0) + .3 * wander(rng, rows, .5)
    curtailed = np.ones(rows)
    for begin in rng.integers(0, rows, rng.poisson(1.2)):
        curtailed[begin:begin + rng.integers(4, 24)] = rng.choice([.3, .5, .6])

    measured = np.maximum(tilted + 3 * rng.standard_normal(rows) * (light > 0), 0)
    sensed, felt = measured.copy(), module.copy()
    works = np.ones((rows, INVERTERS))  # the share of its strings that an inverter has
    on, ceiling, heat = np.ones((rows, INVERTERS), bool), np.full((rows, INVERTERS), 1.0), np.zeros((rows, INVERTERS))
    # At some plants the inverters sleep at night, and say nothing.
    silent = np.tile((light == 0) & (rng.random() < .25), (INVERTERS, 1)).T
    for first, last, name in faults:
        span, k, length = slice(first, last + 1), int(rng.integers(INVERTERS)), last - first + 1
        if name == "string":
            works[span, k] -= rng.integers(1, 4) / rng.choice([8, 12])
        elif name == "soiling":
            which = rng.choice(INVERTERS, rng.integers(1, INVERTERS + 1), replace=False)
            works[span, which] *= rng.uniform(.72, .9)
        elif name == "trip":
            on[span, k] = False
            silent[span, k] |= rng.random() < .3
        elif name == "trips":
            # It comes back each time, and trips again when it gets strong.
            again = wander(rng, length, .7) > rng.uniform(.2, .8)
            on[span, k] = ~(again & (light[span] > 250))
        elif name == "derated":
            # A fan is broken: the hotter it is, the less it gives.
            heat[span, k] = rng.uniform(12, 25)
            works[span, k] *= 1 - rng.uniform(.3, .7) * np.clip(tilted[span] / 900 - .15, 0, 1)
        elif name == "limit":
            ceiling[span, k] = rng.uniform(.25, .5)
        elif name == "hot":
            heat[span, k] = rng.uniform(9, 20)
        elif name == "drift":
            sensed[span] *= 1 + rng.choice([-.3, -.2, .2]) * np.minimum(1, .3 + np.arange(length) / length)
        elif rng.random() < .6:
            # Stuck, or shaded by something near.
            sensed[span] = sensed[first] if rng.random() < .5 else sensed[span] * rng.uniform(.3, .6)
        else:
            felt[span] = felt[first]
    # At a low sun something throws a shadow on one inverter's modules, morning or evening, on clear days.
    shadow = np.zeros((rows, INVERTERS))
    side = rng.choice([-1, 1]) * (hour - 12.2)
    shadow[:, int(rng.integers(INVERTERS))] = rng.uniform(0, .35) * (high < .35) * (side > 0) * (share > .6)
    own, size = rng.normal(1, .012, INVERTERS), rng.uniform(40, 250)
    good = tilted[:, None] / 1000 * (1 - .004 * (module[:, None] - 25)) * (1 - np.array(dirt)[:, None]) * own
    good = good * (1 - shadow) * np.exp(.008 * rng.standard_normal((rows, INVERTERS)))
    # Now and then one starts anew, within a row: normal.
    restart = np.where(rng.random((rows, INVERTERS)) < .0002, rng.uniform(.2, .8, (rows, INVERTERS)), 1)
    usual = np.minimum(good, rng.uniform(.55, .98) * curtailed[:, None]) * restart * (good > .006)
    good = good * works
    load = np.minimum(np.minimum(good * restart, usual), ceiling) * on * (good > .006)
    # What differs by the faults; labels are from the first to the last row in which it can be seen.
    seen = (np.abs(load - usual) > .015).any(1) | (np.abs(sensed - measured) > 15) | (np.abs(felt - module) > 1)
    seen |= (heat * (load + .1) > 2).any(1)
    windows = [first + np.flatnonzero(seen[first:last + 1])[[0, -1]] for first, last, _ in faults
               if seen[first:last + 1].sum() > 3]
    alternating = np.maximum(load * (.984 - .004 * load) - .0025, 0)
    columns = {"irradiation": sensed, "ambient_temperature": air, "module_temperature": felt}
    warm = np.array([rng.uniform(.9, 1.1) * lagged(load[:, k], .6) for k in range(INVERTERS)]).T
    for k in range(INVERTERS):
        volts = 640 * (1 - .0031 * (module - 25)) * (1 + .03 * np.log(np.maximum(good[:, k], .006)) / 5)
        # Where power is cut off, the modules are run at more volts.
        volts = volts * (1 + .06 * np.clip(1 - load[:, k] / np.maximum(good[:, k], .006), 0, 1))
        made = {"dc_power": size * load[:, k], "ac_power": size * alternating[:, k],
                "dc_voltage": np.where(good[:, k] > .006, volts + 2 * rng.standard_normal(rows), 0),
                "temperature": np.round(air + 8 + 26 * warm[:, k] + lagged(heat[:, k] * (load[:, k] + .1), .7)
                                        + .4 * rng.standard_normal(rows), 1)}
        for name, values in made.items():
            columns[f"inverter_{k + 1}_{name}"] = np.where(silent[:, k], np.nan, values)
    columns["meter_power"] = size * alternating.sum(1) * .99
    columns = {name: np.round(values, 1 + ("power" in name)) for name, values in columns.items()}
    return Labelled(columns, joined([(int(first), int(last)) for first, last in windows]), 900.0)
