"""People at the door of a building, shaped like CalIt2 (Ihler, Hutchins, Smyth 2006; UCI repository; also TSB-UAD).

Kept: people who come in and who go out in half an hour, over fifteen weeks: small counts with more noise than
counting has, nearly nothing at night and on weekends, the rush in the morning, at lunch and in the evening, a
holiday, the weeks in which the term begins, a door that somebody holds open, gatherings that no list knows. Anomalies
are the listed events: conferences, talks, receptions, of one and a half hours to a day, mostly at day, on two days of
three work weeks and now and then on a weekend. People come in about the begin and leave about the end, some at lunch;
in between an event hardly shows, and some events hardly at all. Other than the real list, which names the hours of
the programme, a window begins with the half hour in which the first guests come and ends with that in which the last
go. Every fourth file has but the people who go out, as TSB-UAD has them, under the same windows."""
import numpy as np

from labelled import Labelled, Rules

from ._draws import correlated, joined

FILES = 28
RULES = Rules(late=12, quiet=48, probation=1000)

DAY = 48


def usual(rng) -> tuple[np.ndarray, np.ndarray]:
    """People who are expected in and out in each half hour of a work day."""
    hour = np.arange(DAY) / 2 + 0.25

    def rush(*hills):
        return sum(size * np.exp(-0.5 * ((hour - at) / width) ** 2) for at, width, size in hills)
    lunch = rng.uniform(2, 7)
    come = rush((rng.uniform(8.6, 9.6), 0.9, rng.uniform(4, 9)), (12.9, 0.7, lunch), (14, 3, rng.uniform(2, 5)))
    leave = rush((rng.uniform(17, 18), 1.1, rng.uniform(4, 9)), (12.2, 0.7, lunch), (14, 3.2, rng.uniform(2, 5)))
    late = rush((20.5, 1.6, rng.uniform(0.3, 1.2)))
    scale = rng.uniform(0.7, 2)
    return scale * come + 0.3 * late + 0.03, scale * leave + late + 0.03


def flow(rng, people: float, at: float, spread: float, rows: int) -> np.ndarray:
    """People who pass about this row, row by row."""
    passing = np.exp(-0.5 * ((np.arange(rows) - at) / spread) ** 2)
    return people * passing / passing.sum()


def gather(rng, come: np.ndarray, leave: np.ndarray, begin: int, end: int, people: float) -> tuple[int, int]:
    """Adds a gathering to what is expected, and tells where it shows: its first and its last row."""
    start, rows = begin - 1, end - begin + 3
    come[start:start + rows] += flow(rng, people, 1.2, rng.uniform(0.4, 0.9), rows)
    leave[start:start + rows] += flow(rng, people, rows - 1.8, rng.uniform(0.4, 1.0), rows)
    if end - begin > 8:
        # At noon some go out for lunch, and come back.
        noon = 24 - start % DAY
        if 2 < noon < rows - 3:
            share = rng.uniform(0.2, 0.7)
            leave[start:start + rows] += flow(rng, share * people, noon, 0.5, rows)
            come[start:start + rows] += flow(rng, share * people, noon + 2, 0.7, rows)
    return start, start + rows - 1


def events(rng, days: int) -> list[tuple[int, int]]:
    """Begin and end (rows) of what the list names; none in the first three weeks, which the rules do not count."""
    found = []
    for day in range(RULES.probation // DAY + 1, days - 1):
        if rng.random() > (0.06 if day % 7 >= 5 else 0.36):
            continue
        hours = float(rng.choice([1.5, 2, 3, 4, 8], p=[0.2, 0.25, 0.25, 0.15, 0.15]))
        begin = 8.5 if hours == 8 else float(rng.choice([9, 10, 11, 12, 13, 15, 16, 17.5, 18]))
        found.append((day * DAY + int(begin * 2), day * DAY + min(46, int((begin + hours) * 2))))
    return found


def make(rng: np.random.Generator, number: int) -> Labelled:
    """Fifteen weeks of one door. Files begin on a Monday."""
    days = 105
    rows = days * DAY
    come, leave = (np.tile(way, days) for way in usual(rng))
    level = np.where(np.arange(days) % 7 >= 5, rng.uniform(0.06, 0.2), np.clip(rng.normal(1, 0.1, days), 0.7, 1.3))
    level[np.arange(days) % 7 == 4] *= rng.uniform(0.8, 1)
    level[int(rng.integers(20, days - 5))] = 0.1
    # The term begins, and the building fills within days.
    level *= np.where(np.arange(days) >= rng.integers(40, 85), rng.uniform(1.05, 1.5), 1)
    busy = np.repeat(level, DAY) * np.exp(0.15 * correlated(rng, rows, 0.8))
    come, leave = come * busy, leave * busy
    size = rng.uniform(25, 70)
    windows = []
    for begin, end in events(rng, days):
        people = size * rng.choice([1, 0.5, 0.2], p=[0.55, 0.35, 0.1]) * rng.uniform(0.6, 1.4)
        windows.append(gather(rng, come, leave, begin, end, people))
    # A class that meets, a tour, a fire drill: no list knows them.
    for _ in range(rng.poisson(5)):
        begin = int(rng.integers(days)) * DAY + int(rng.integers(18, 36))
        gather(rng, come, leave, begin, begin + int(rng.integers(2, 5)), size * rng.uniform(0.1, 0.35))
    passed = [rng.poisson(way * rng.gamma(8, 1 / 8, rows)).astype(float) for way in (come, leave)]
    if rng.random() < 0.5:
        # Somebody moves things through the beam, or stands in it.
        for row in rng.integers(0, rows, 2):
            passed[int(rng.integers(2))][row] += int(rng.integers(5, 15))
    columns = {"out": passed[1]} if number % 4 == 3 else {"out": passed[1], "in": passed[0]}
    return Labelled(columns, joined(windows), 1800.0)
