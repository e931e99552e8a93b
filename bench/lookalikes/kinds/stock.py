"""Shaped like the stock trades used to test detectors in streams (Tran, Fan, Shahabi 2016; the Stock files of TSB-AD).

Kept: price and volume over a trading day, a row every six seconds, in ticks of a cent, with the bounce between bid and
ask, spells in which no trade moves the price, calm and nervous times, volume that is high at open and close and has a
heavy tail of block trades and round lots, news that moves the price at a stroke and is normal, a night that is a gap.
Anomalies are trades that do not belong: prints far off the market (one to three rows), bursts of volume without cause,
pumping that is dumped after, quotes stuffed to and fro, a price that does not move while volume does.
Not kept: the real labels there call every tenth trade an outlier by distance; here an anomaly is an event, and rare."""
import numpy as np

from labelled import Labelled, Rules

from ._draws import apart

FILES = 24
RULES = Rules(late=20, quiet=80, probation=800)
SESSION = 3900


def nerves(rng, rows):
    """How nervous the market is: comes in clusters."""
    log, steps = np.zeros(rows), rng.normal(0, .05, rows)
    for row in range(1, rows):
        log[row] = .995 * log[row - 1] + steps[row]
    return np.exp(log)


def disturb(rng, price, volume, part, spread, usual):
    """Puts one event into the rows of `part`, in place, and says how many rows it has."""
    length = part.stop - part.start
    middle = np.sin(np.pi * (np.arange(length) + .5) / length)
    match rng.integers(5):
        case 0:
            shown = int(rng.integers(1, 4))
            price[part.start:part.start + shown] += rng.choice([-1, 1]) * spread * rng.uniform(8, 40, shown)
            return shown
        case 1:
            volume[part] = volume[part] * rng.uniform(4, 12) + usual * rng.uniform(2, 8)
        case 2:
            price[part] += rng.choice([-1, 1]) * spread * rng.uniform(8, 25) * middle
            volume[part] = volume[part] * (1 + rng.uniform(2, 7) * middle)
        case 3:
            price[part] += spread * rng.uniform(3, 8) * np.where(np.arange(length) % 2, 1, -1)
        case 4:
            price[part] = price[part.start]
            volume[part] = usual * rng.uniform(2, 5) * rng.gamma(4, .25, length)
    return length


def make(rng, number):
    """Some two days' trades of one share."""
    rows = int(rng.integers(7000, 10500))
    clock = (np.arange(rows) + int(rng.integers(SESSION))) % SESSION / SESSION
    smile = .6 + 1.6 * np.exp(-clock / .06) + 1.1 * np.exp((clock - 1) / .07)
    nervous = nerves(rng, rows) * np.sqrt(smile)
    start = 10 ** rng.uniform(.9, 2.4)
    move = start * rng.uniform(.00008, .0003) * nervous * rng.standard_t(4, rows) / 1.4
    move[np.flatnonzero(np.diff(clock, prepend=clock[0]) < 0)] += start * rng.normal(0, .008)  # what the night did
    news = rng.integers(0, rows, rng.poisson(2))
    move[news] += start * rng.normal(0, .004, len(news))
    move[rng.random(rows) < rng.uniform(.1, .6)] = 0
    spread = max(.01, start * rng.uniform(.0002, .0006))
    price = start + np.cumsum(move) + spread / 2 * rng.choice([-1, 0, 1], rows)
    usual = 10 ** rng.uniform(2, 4)
    attention = np.zeros(rows)
    attention[news] = 5
    attention = np.convolve(attention, np.exp(-np.arange(300) / 80), "full")[:rows]
    volume = usual * smile * nervous ** .7 * (1 + attention) * rng.lognormal(-.5, 1, rows)
    blocks = rng.random(rows) < .003
    volume[blocks] *= rng.uniform(5, 20, blocks.sum())
    volume[rng.random(rows) < rng.uniform(0, .15)] = 0
    lengths = [int(n) for n in rng.integers(8, 45, rng.integers(3, 9))]
    windows = []
    for begin, length in zip(apart(rng, rows, lengths, 1100, 250), lengths):
        shown = disturb(rng, price, volume, slice(begin, begin + length), spread, usual)
        windows.append((begin, begin + shown - 1))
    lot = 100 if rng.random() < .5 else 1
    columns = {"price": np.round(np.maximum(price, .01), 2), "volume": np.round(volume / lot) * lot}
    return Labelled(columns, windows, 6.0)
