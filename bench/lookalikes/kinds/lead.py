"""Electricity meters of buildings, shaped like LEAD (Gulati et al. 2022, "LEAD1.0: a large-scale annotated dataset
for energy anomaly detection in commercial buildings"), which labels meters of the Building Data Genome project.

Kept: a leap year of one meter in hours, of offices, schools, shops, halls and residences; nights, weekends, weather
that asks for cooling or heating, terms and vacations, holidays, the clock set an hour on and back, a retrofit,
overtime, rows that are missing, meters of coarse steps; somewhat over 1 % of the rows anomalous, in windows of an
hour up to days. Anomalies are spikes, readings of zero or next to it, with or without the lost energy in one heap
afterwards, readings that are stuck, a phase that is not counted or counted twice, and machines that run through a
night or a weekend. Holidays, vacations, a hot week and a Saturday at work are normal."""
import numpy as np

from labelled import Labelled, Rules

from ._draws import bump, correlated, joined, places, wander
from ._traffic import lose

FILES = 26
RULES = Rules(late=24, quiet=72, probation=1000)

DAYS = 366
DAY = 24
# Share of a work day on Saturday and on Sunday, what runs at night, and hours of the begin and the end.
USES = {"office": (0.15, 0.08, (0.2, 0.55), (6, 8), (17, 20)), "school": (0.15, 0.1, (0.25, 0.6), (6, 8), (16, 22)),
        "shop": (1.0, 0.8, (0.15, 0.4), (7, 10), (19, 23)), "hall": (0.8, 0.7, (0.2, 0.5), (8, 12), (20, 23)),
        "residence": (1.05, 1.1, (0.45, 0.7), (5, 7), (21, 24))}


def calendar(rng, use: str) -> np.ndarray:
    """How full the building is on each day, from 0 on a day off; files begin on Monday, the 4th of March."""
    saturday, sunday = USES[use][:2]
    full = np.clip(rng.normal(1, 0.035, DAYS), 0.85, 1.1)
    week = np.arange(DAYS) % 7
    full[week == 4] *= rng.uniform(0.88, 1)
    full[week == 5] *= saturday
    full[week == 6] *= sunday
    if use == "school":
        # Vacations are weeks at a time: spring, summer, and the turn of the year.
        spring, summer, length = rng.integers(15, 40), rng.integers(95, 115), int(rng.integers(40, 85))
        full[spring:spring + int(rng.integers(7, 12))] *= 0.35
        full[summer:summer + length] *= rng.uniform(0.3, 0.7)
    winter = int(rng.integers(290, 297))
    full[winter:winter + int(rng.integers(4, 14))] *= 0.95 if use == "residence" else rng.uniform(0.1, 0.5)
    off = rng.choice(np.arange(20, DAYS - 10), int(rng.integers(4, 10)), replace=False)
    full[off] *= 0.97 if use == "residence" else rng.uniform(0.1, 0.5, len(off))
    extra = rng.choice(np.flatnonzero(week == 5), rng.poisson(2))
    full[extra] = np.maximum(full[extra], rng.uniform(0.4, 0.8, len(extra)))
    return full


def weather(rng, hours: np.ndarray) -> np.ndarray:
    """Degrees outside."""
    day = hours / DAY
    season = -np.cos(2 * np.pi * (day + 63 - 22) / 365.25)
    fronts = np.interp(day, np.arange(DAYS + 1), wander(rng, DAYS + 1, 0.75, rng.uniform(2.5, 4.5)))
    swing = rng.uniform(3, 6) * np.sin(2 * np.pi * (day - 0.38))
    return rng.uniform(9, 20) + rng.uniform(6, 12) * season + fronts + swing


def demand(rng, use: str) -> tuple[np.ndarray, np.ndarray]:
    """The meter when nothing is wrong, 1 on a work day, and where the building is shut."""
    hours = np.arange(DAYS * DAY)
    full = calendar(rng, use)
    begin, end = rng.uniform(*USES[use][3]), rng.uniform(*USES[use][4])
    clock = (hours % DAY).astype(float)
    if rng.random() < 0.6:
        # The meter keeps winter's time while people keep summer's, from the end of March to that of October.
        summer = (hours > 27 * DAY) & (hours < 237 * DAY)
        clock = (clock + summer) % DAY
    late = np.repeat(end + rng.normal(0, 0.25, DAYS) + 3 * (rng.random(DAYS) < 0.015), DAY)
    open_ = 1 / (1 + np.exp(-(clock - begin) * rng.uniform(1.2, 3)))
    open_ /= 1 + np.exp((clock - late) * rng.uniform(1, 2.5))
    hump = 1 + rng.uniform(0, 0.25) * np.exp(-0.5 * ((clock - rng.uniform(12, 16)) / 3) ** 2)
    base = rng.uniform(*USES[use][2])
    presence = np.repeat(full, DAY) * open_
    outside = weather(rng, hours)
    cooling = rng.uniform(0, 0.03) * np.maximum(0, outside - rng.uniform(15, 19)) * (0.35 + presence)
    heating = rng.choice([0, 0, rng.uniform(0.005, 0.025)]) * np.maximum(0, 12 - outside) * (0.5 + 0.5 * presence)
    value = base + (1 - base) * presence * hump + cooling + heating
    value *= np.exp(rng.uniform(0.01, 0.04) * correlated(rng, len(hours), 0.7)
                    + rng.uniform(0.01, 0.04) * correlated(rng, len(hours), 0.99))
    if rng.random() < 0.3:
        # A retrofit, or a new tenant, stays and is no anomaly.
        value[int(rng.integers(60, DAYS - 30)) * DAY:] *= rng.choice([rng.uniform(0.75, 0.92), rng.uniform(1.08, 1.25)])
    return value, open_ * np.repeat(full > 0.5, DAY) < 0.1


def anomalies(rng, value: np.ndarray, shut: np.ndarray) -> list[tuple[int, int]]:
    """Spoils the meter, and tells where."""
    rows, usual = len(value), float(np.quantile(value, 0.95))
    count = int(rng.integers(6, 16))
    # Most last for an hour or a few, and some for days.
    lengths = np.exp(np.where(rng.random(count) < 0.55, rng.normal(0.6, 0.6, count), rng.normal(3, 0.7, count)))
    found = []
    for first, last in places(rng, rows, np.clip(lengths, 1, 120), RULES.probation + 100, 80):
        part = value[first:last + 1]
        length = len(part)
        kinds = ["spike"] * 3 + ["zero"] * 2 + ["partial"] if length < 8 else ["zero", "stuck", "phase", "run", "run"]
        what = str(rng.choice(kinds))
        if what == "run":
            # From when the building is shut until it opens: a night, or a weekend.
            begin = first + int(np.argmax(shut[first:first + 96]))
            end = begin + int(np.argmin(np.append(shut[begin:begin + 75], False)))
            form = str(rng.choice(["step", "hump"]))
            if shut[begin] and 4 <= end - begin and end < rows and begin < last + 24:
                value[begin:end] += (usual - value[begin:end]) * rng.uniform(0.3, 0.9) * bump(end - begin, form)
                found.append((begin, end - 1))
                continue
            what = "phase"
        if what == "spike":
            part += usual * rng.uniform(0.6, 4) * rng.uniform(0.6, 1, length)
        elif what == "partial":
            part *= rng.uniform(0.1, 0.5)
        elif what == "zero":
            heap = length < 40 and rng.random() < 0.4
            lost = float(part.sum())
            part[:] = 0 if rng.random() < 0.7 else rng.uniform(0.01, 0.08) * usual
            if heap and last + 1 < rows:
                # The meter had counted, though nobody had read it.
                value[last + 1] += lost
                last += 1
        elif what == "stuck":
            # Within a night a stuck meter is as a still one is, so that it goes on through a day at least.
            last = min(rows - 1, max(last, first + 20))
            value[first:last + 1] = value[first]
        else:
            part *= rng.choice([rng.uniform(0.3, 0.67), rng.uniform(1.4, 2)])
        found.append((first, last))
    return joined(sorted(found))


def make(rng: np.random.Generator, number: int) -> Labelled:
    value, shut = demand(rng, list(USES)[number % len(USES)])
    windows = anomalies(rng, value, shut)
    kilowatts, step = value * 10 ** rng.uniform(1, 3), float(rng.choice([0.01, 0.25, 1]))
    kilowatts = np.round(kilowatts / step) * step
    for _ in range(rng.poisson(rng.choice([0, 3, 12]))):
        first = int(rng.integers(len(value)))
        lose(kilowatts, windows, first, first + int(rng.choice([1, 2, 6, 30])))
    return Labelled({"meter_reading": kilowatts}, windows, 3600.0)
