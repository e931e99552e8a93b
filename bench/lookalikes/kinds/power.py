"""Demand for power, shaped like the Dutch research facility of 1997 (Keogh, Lin and Fu 2005, discords) and like the
Italian demand (UCR archives), two classics of the search for discords.

Kept: whole numbers, a quarter of an hour apart (Dutch) or an hour (Italian); five working days and a weekend, slow
seasons, weather, clocks that are set forward and back, peaks that differ from day to day. Anomalies are days which
break the week: holidays on working days, alone or as a string of days, bridge days with half the staff, and (in some of
the Italian files, as in UCR's) a day that was tampered with. A window is the day. A weekend that only looks weak is
normal."""
import numpy as np

from labelled import Labelled, Rules

from ._draws import joined, wander

FILES = 26
RULES = Rules(late=24, quiet=72, probation=1000)


def office(hours: np.ndarray, begin: float, end: float, lunch: float) -> np.ndarray:
    """The share of the staff's machines that run, through a day."""
    up, down = 1 / (1 + np.exp(-(hours - begin) * 2.2)), 1 / (1 + np.exp(-(hours - end) * 1.6))
    return up * (1 - down) * (1 - lunch * np.exp(-0.5 * ((hours - 12.7) / 0.5) ** 2))


def homes(hours: np.ndarray, morning: float, evening: float) -> np.ndarray:
    """What a country draws through a day: a hump before noon and one at dusk."""
    return (morning * np.exp(-0.5 * ((hours - 10.5) / 2.6) ** 2) + evening * np.exp(-0.5 * ((hours - 19.5) / 2.4) ** 2)
            + 0.25 * np.exp(-0.5 * ((hours - 15) / 3) ** 2))


def calendar(rng, days: int) -> np.ndarray:
    """The days off and odd days: 0 usual, 1 a holiday, 2 a bridge day."""
    kind = np.zeros(days, int)
    for _ in range(int(rng.integers(2, 6)) * max(1, round(days / 200))):
        day = int(rng.integers(int(0.13 * days) + 1, days - 6))
        length = int(rng.choice([1, 1, 1, 2, 4]))
        kind[day:day + length] = 1
        # Whoever has Thursday off does not come on Friday.
        if (day + length) % 7 == 4 and rng.random() < 0.6:
            kind[day + length] = 2
    if not ((kind > 0) & (np.arange(days) % 7 < 5)).any():
        kind[7 * (days // 14) + int(rng.integers(5))] = 1
    return kind


def tamper(rng, day: np.ndarray) -> np.ndarray:
    """A day as it never is: late by hours, upside down, flat or smoothed."""
    how = rng.choice(["late", "mirrored", "flat", "noisy"])
    return {"late": np.roll(day, rng.integers(4, 9)), "mirrored": day[::-1],
            "flat": day.mean() + 0.25 * (day - day.mean()),
            "noisy": day + rng.normal(0, 0.6 * day.std(), len(day))}[how]


def make(rng, number: int) -> Labelled:
    """Half a year or more of one meter. Files begin on a Monday."""
    dutch = number % 2 == 0
    per_day = 96 if dutch else 24
    days = int(rng.integers(150, 205)) if dutch else int(rng.integers(330, 700))
    rows = days * per_day
    t = np.arange(rows)
    hours = (t % per_day) * 24 / per_day
    kind = calendar(rng, days)
    for _ in range(2):
        # The clock of the people is set an hour on or back for good, that of the meter is not.
        hours[int(rng.integers(days)) * per_day:] += rng.choice([-1, 1]) * (rng.random() < 0.6)
    week = np.arange(days) % 7
    year = np.cos(2 * np.pi * (t / per_day / 365 + rng.random()))
    presence = np.where(kind == 2, rng.uniform(0.3, 0.6, days), np.clip(rng.normal(1, 0.04, days), 0.8, 1.1))
    off = kind == 1
    if dutch:
        rest = rng.uniform(0.02, 0.12, days)
        presence[(week >= 5) | off] = rest[(week >= 5) | off]
        presence[(week == 4) & (kind == 0)] *= rng.uniform(0.88, 1)
        working = office(hours, rng.uniform(6.5, 8), rng.uniform(16.5, 18.5), rng.uniform(0.02, 0.12))
        values = rng.uniform(650, 850) + rng.uniform(900, 1200) * np.repeat(presence, per_day) * working
        values += 60 * year * (1 + working) + wander(rng, rows, 0.9, 28) + wander(rng, rows, 0.998, 35)
    else:
        presence = np.where(week == 5, 0.72, presence)
        presence[(week == 6) | off] = rng.normal(0.45, 0.05, days)[(week == 6) | off]
        drawn = np.repeat(presence, per_day) * homes(hours % 24, rng.uniform(0.7, 1), rng.uniform(0.6, 1))
        values = rng.uniform(18000, 22000) + 15000 * drawn + 1800 * year + 5000 * np.repeat(presence - 0.7, per_day)
        # August, when the country rests, is slow and no anomaly.
        rest = np.exp(-0.5 * ((np.arange(days) - rng.integers(40, 365)) / 9) ** 2) * rng.uniform(1500, 4500)
        values += wander(rng, rows, 0.97, 700) + rng.normal(0, 130, rows) - np.repeat(rest, per_day)
        values *= rng.uniform(0.05, 1)
    odd = (kind > 0) & (week < (5 if dutch else 6))
    if not dutch and rng.random() < 0.4:
        day = int(rng.choice(np.flatnonzero(~odd & (np.arange(days) > 0.15 * days))))
        values[day * per_day:(day + 1) * per_day] = tamper(rng, values[day * per_day:(day + 1) * per_day])
        odd[day] = True
    windows = joined((int(day) * per_day, int(day + 1) * per_day - 1) for day in np.flatnonzero(odd))
    return Labelled({"demand": np.round(np.maximum(values, 0))}, windows, 86400 / per_day)
