"""Shaped like the Dodgers loop sensor (Ihler, Hutchins, Smyth 2006; UCI repository; also in TSB-UAD).

Kept: cars in five minutes on an on-ramp near a stadium, over weeks: counts with the noise of counts, days and weekends,
a lost sensor that reads -1 for a row, hours or a day, holidays, unexplained crowds and jams that no label explains.
Anomalies are games: mostly in the evening, some by day, and in runs of home games. The label runs from a game's begin
to its end, as in the real list of events, but what the loop sees is the crowd that drives home: it comes about the
end of the game, or early if it is lost, and stays for half an hour to an hour; some games hardly show."""
import numpy as np

from labelled import Labelled, Rules

FILES = 20
RULES = Rules(late=24, quiet=120, probation=1000)
DAY = 288


def usual(rng):
    """Cars that are expected at each five minutes of a work day, a Saturday and a Sunday."""
    hour = np.arange(DAY) / 12
    scale = rng.uniform(.7, 1.4)
    night = 1 / (1 + np.exp(-(hour - rng.uniform(5.6, 6.4)) * 2.2)) / (1 + np.exp((hour - rng.uniform(20.5, 22)) / 1.1))
    morning, evening = rng.uniform(.2, .9), rng.uniform(.3, .9)
    rush = morning * np.exp(-((hour - 8.2) / 1.1) ** 2) + evening * np.exp(-((hour - 17.3) / 1.6) ** 2)
    work = scale * (1.5 + 20 * night * (1 + rush))
    late = 1 / (1 + np.exp(-(hour - 8.3) * 1.3)) / (1 + np.exp((hour - 22.3) / 1.0))
    saturday = scale * (2.2 + 19 * late)
    return work, saturday, saturday * rng.uniform(.75, .9)


def crowd(rng, length):
    """The share of a crowd that passes in each row: comes at once, and fades."""
    rows = np.arange(length)
    shape = np.minimum(rows / rng.uniform(1, 4), 1) * np.exp(-np.maximum(rows - length * .35, 0) / (length * .25))
    return shape


def games(rng, days):
    """Begin and end (rows) of the home games: runs of three to nine days at home, then away."""
    found, day = [], int(np.ceil(days * .13) + rng.integers(0, 5))
    while day < days - 1:
        for _ in range(rng.integers(3, 10)):
            if day >= days - 1:
                break
            start = (13.17 if day % 7 in (5, 6) and rng.random() < .55 or rng.random() < .06 else 19.17) * 12
            begin = day * DAY + round(start)
            found.append((begin, begin + int(np.clip(rng.normal(34, 4), 27, 48))))
            day += 1 + (rng.random() < .12)
        day += int(rng.integers(3, 10))
    return found


def make(rng, number):
    """Six to nine weeks of one on-ramp."""
    days = int(rng.integers(42, 63))
    rows = days * DAY
    work, saturday, sunday = usual(rng)
    expected = np.concatenate([(sunday if day % 7 == 6 or rng.random() < .02 else saturday if day % 7 == 5 else work)
                               * rng.normal(1, .06) for day in range(days)])
    slow = np.zeros(rows)
    steps = rng.normal(0, .035, rows)
    for row in range(1, rows):
        slow[row] = .95 * slow[row - 1] + steps[row]
    expected = expected * np.exp(slow)
    windows = games(rng, days)
    size = rng.uniform(16, 38)
    for begin, end in windows:
        length = int(rng.integers(6, 15))
        leaves = end + int(np.clip(rng.normal(0, 3), -9, 6))
        attendance = rng.choice([1, .35, .08], p=[.8, .13, .07]) * rng.uniform(.7, 1.2)
        stop = min(leaves + length, rows)
        expected[leaves:stop] += size * attendance * crowd(rng, length)[:stop - leaves]
    # What no list of events knows: crowds of something else, and jams in which few cars get by.
    for begin in rng.integers(0, rows - 30, rng.poisson(days / 12)):
        length = int(rng.integers(4, 14))
        if rng.random() < .4:
            expected[begin:begin + length] += size * rng.uniform(.3, .9) * crowd(rng, length)
        else:
            expected[begin:begin + length] *= rng.uniform(.2, .6)
    counts = rng.poisson(expected * rng.gamma(40, 1 / 40, rows)).astype(float)
    for begin in rng.integers(0, rows, rng.poisson(days / 6)):
        counts[begin:begin + int(rng.choice([1, 4, 30, 290], p=[.5, .25, .2, .05]))] = -1
    return Labelled({"count": counts}, windows, 300.0)
