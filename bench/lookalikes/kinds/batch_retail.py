"""Shaped like hourly sales of shops (the shops of Rossmann and of Favorita by day, UCI's online retail by hour).

There is no public labelled set of this kind, so its anomalies are what shops' operators report of it. Kept: counts of
sales an hour, nought while the shop is shut, with hours and week days, pay days, promotions that last days and are
normal, holidays (shut, with a rush before), a season, a slow trend, late openings; small shops sell a handful an
hour, and some sell around the clock. Anomalies: tills or the net that fail, a batch that comes late in one lump,
sales that are booked twice, an hour repeated over and over, orders of a robot, prices wrong for a day. A label covers
the hours from the first wrong one to the last, shut hours between them too."""
import numpy as np

from labelled import Labelled, Rules

FILES = 28
RULES = Rules(late=12, quiet=60, probation=900)
MISHAPS = ("outage", "partial outage", "late batch", "booked twice", "repeated", "robot", "wrong price")


def opening(rng, days):
    """Share of a day's sales for each hour of each day: opening hours, rush hours, week days."""
    hour = np.arange(24)
    around = rng.random() < .3
    first, last = (0, 24) if around else (int(rng.integers(7, 11)), int(rng.integers(18, 23)))
    shape = .25 + np.exp(-((hour - rng.uniform(11, 13)) / 2.5) ** 2)
    shape += rng.uniform(.3, 1.4) * np.exp(-((hour - 18) / 2.2) ** 2)
    shape = np.where(hour < 6, .15 * shape, shape) * ((hour >= first) & (hour < last))
    week = np.array([1, .95, .95, 1, 1.2, rng.uniform(1.1, 1.7), rng.choice([0, .7, 1.2]) if not around else 1.1])
    profile = np.tile(shape, (days, 1)) * week[np.arange(days) % 7][:, None]
    weekend = np.roll(shape, 1) * ((hour >= first) & (hour < last))
    profile[np.arange(days) % 7 == 5] = weekend * week[5]
    return profile


def days_apart(rng, days):
    """What makes a day unlike another: season, trend, pay day, promotions, holidays and the rush before them."""
    day = np.arange(days)
    factor = 1 + .15 * np.sin(2 * np.pi * (day / 365 + rng.random())) + rng.uniform(-.3, .4) * day / days
    factor *= np.where(day % 30 < 3, rng.uniform(1, 1.3), 1) * np.exp(.07 * rng.normal(0, 1, days))
    for begin in rng.integers(0, days, days // 35):
        factor[begin:begin + rng.integers(2, 8)] *= rng.uniform(1.2, 2.4)
    for holiday in rng.integers(2, days, days // 40):
        factor[holiday - 2:holiday] *= rng.uniform(1.1, 1.7)
        factor[holiday] *= rng.choice([0, 0, .4, 1.6])
    return factor


def spoil(rng, counts, mishap, part, level):
    """Puts a mishap into the rows of `part`, in place."""
    here = counts[part]
    match mishap:
        case "outage":
            here[:] = 0
        case "partial outage":
            here[:] = rng.binomial(here.astype(int), rng.uniform(.1, .45))
        case "late batch":
            here[-1] = here.sum()
            here[:-1] = 0
        case "booked twice":
            here *= 2
        case "repeated":
            here[:] = max(here[0], 1)
        case "robot":
            here += rng.poisson(level * rng.uniform(1.5, 6), len(here))
        case "wrong price":
            here[:] = rng.poisson(here * (rng.uniform(2, 4) if rng.random() < .6 else .3))


def make(rng, number):
    """Eight months to more than a year of one shop."""
    days = int(rng.integers(250, 420))
    rows = days * 24
    level = 10 ** rng.uniform(.8, 2.6)
    expected = (opening(rng, days) * days_apart(rng, days)[:, None]).ravel()
    expected = level * expected / expected[expected > 0].mean()
    counts = rng.poisson(expected * rng.gamma(30, 1 / 30, rows)).astype(float)
    # Crowds that are nothing but a bus or a shower.
    for row in np.flatnonzero(rng.random(rows) < .0008):
        counts[row] = round(counts[row] * rng.uniform(1.5, 2.5))
    for day in rng.integers(0, days, days // 90):  # late opening, or staff is ill
        counts[day * 24:day * 24 + 12] = 0
    windows, row = [], max(int(rows * .13), RULES.probation + 10) + int(rng.integers(0, 500))
    while row < rows - 120:
        mishap = str(rng.choice(MISHAPS))
        lasting = mishap in ("booked twice", "repeated", "wrong price")
        length = int(rng.integers(8, 30) if lasting else rng.integers(3, 14))
        # A mishap while the shop is shut is none, and a window begins and ends while it is open.
        busy = np.flatnonzero(expected[row:row + 72] > .25 * level)
        if len(busy):
            begin = row + int(rng.choice(busy))
            end = begin + int(np.flatnonzero(expected[begin:begin + length] > .1 * level)[-1])
            spoil(rng, counts, mishap, slice(begin, end + 1), level)
            windows.append((begin, end))
        row += int(rng.integers(400, 1900))
    return Labelled({"sales": counts}, windows, 3600.0)
