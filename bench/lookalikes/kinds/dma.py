"""Water that flows into a district metered area of a town, as utilities record it, and as the literature on bursts
(Mounce et al. 2010, Wu and Liu 2017) and the battles of the leakage methods use it.

Kept: cubic metres an hour, each quarter of an hour, over fifteen weeks: nights in which little more than the
background of leaks flows, two peaks a day, late ones on weekends and holidays, the noise of few thousand taps, a
works or a laundry that draws by shifts, hot weeks in which gardens are watered at night, hydrants that are flushed
for half an hour, pulses of a meter as steps, rows that are lost. Every third file has the pressure behind the inlet
too, which the flow lowers. Anomalies are bursts, which begin at once and run for hours or days until they are shut
off; leaks that grow over days; a valve to the neighbours that is left open; and faults of the meter: stuck, nothing,
half, or wild. The window of a leak that grows begins a tenth of the way through its growth, well inside the noise. For
repair some streets are shut off for an hour, in the window. Watering, hot weeks, holidays and flushed hydrants are
normal."""
import numpy as np

from labelled import Labelled, Rules

from ._draws import correlated, places, wander
from ._traffic import lost

FILES = 24
RULES = Rules(late=24, quiet=96, probation=1000)

DAY = 96


def taps(hours: np.ndarray, morning: float, evening: float, width: float, high: float) -> np.ndarray:
    """What homes draw through a day."""
    def hill(at, spread):
        return np.exp(-0.5 * ((hours - at) / spread) ** 2)
    awake = 1 / (1 + np.exp(-(hours - morning + 1.2) * 2)) / (1 + np.exp((hours - 23) * 1.1))
    return 0.08 + awake * (0.38 + high * hill(morning, width) + 0.45 * hill(evening, 1.8) + 0.15 * hill(12.5, 1.2))


def normal(rng, days: int) -> np.ndarray:
    """The flow when nothing is wrong, about 1 at the morning's peak."""
    rows = days * DAY
    t = np.arange(rows)
    hours = t % DAY / 4
    week = np.arange(days) % 7
    off = (week >= 5) | (rng.random(days) < 0.025)
    morning, evening = rng.uniform(7, 8), rng.uniform(18.5, 20)
    work = taps(hours, morning, evening, rng.uniform(0.9, 1.4), rng.uniform(0.5, 0.9))
    rest = taps(hours, morning + rng.uniform(1.3, 2.5), evening, rng.uniform(1.6, 2.4), rng.uniform(0.5, 0.8))
    level = np.exp(wander(rng, days, 0.7, 0.03)) * np.where(week == 6, 1.04, 1)
    flow = np.where(np.repeat(off, DAY), rest, work) * np.repeat(level, DAY)
    season = rng.uniform(-1.5, 1) + np.linspace(-1, 1, days) * rng.uniform(-1, 1)
    heat = np.clip(wander(rng, days, 0.88, 1) + season, 0, 2)
    if rng.random() < 0.6:
        # Gardens are watered before dawn, each on his days, and in the evening of a hot day; not when it rains.
        green = rng.uniform(0.1, 0.5) * np.repeat(heat * (rng.random(days) > 0.15) * rng.choice([0.6, 1], days), DAY)
        flow += green * (np.exp(-0.5 * ((hours - rng.uniform(3.5, 5.5)) / 0.7) ** 2)
                         + 0.5 * np.exp(-0.5 * ((hours - 20.5) / 1.1) ** 2))
    if rng.random() < 0.35:
        begin, end = rng.uniform(5, 7), rng.uniform(14, 22)
        shift = (hours > begin) & (hours < end) & np.repeat(~off, DAY)
        flow += rng.uniform(0.08, 0.25) * shift * np.repeat(rng.normal(1, 0.1, days), DAY)
    flow *= np.exp(0.03 * correlated(rng, rows, 0.85))
    # The fewer the taps, the more the sum of them jumps.
    flow += rng.uniform(0.03, 0.1) * np.sqrt(flow) * rng.standard_normal(rows)
    for row in rng.integers(0, rows - 3, rng.poisson(2)):
        row = row - row % DAY + int(rng.integers(36, 60))
        flow[row:row + int(rng.integers(1, 4))] += rng.uniform(0.2, 0.5)
    return np.maximum(flow, 0.03) + rng.uniform(0.05, 0.35)


def leak(rng, flow: np.ndarray, first: int, last: int, grows: bool) -> int:
    """Water that gets lost until it is found and shut off; tells from which row on it counts."""
    length, size = last - first + 1, rng.uniform(0.1, 0.45) * float(flow.mean())
    if not grows:
        flow[first:last + 1] += size * np.minimum(1, np.arange(1, length + 1) / rng.integers(1, 4))
    else:
        flow[first:last + 1] += size * np.linspace(0, 1, length) ** rng.uniform(1, 1.6)
        first += int(length * 0.1)
    if rng.random() < 0.4:
        flow[last - 3:last + 1] *= rng.uniform(0, 0.4)
    return first


def fault(rng, read: np.ndarray, first: int, last: int) -> None:
    """What the meter makes of the flow in these rows."""
    part = read[first:last + 1]
    what = str(rng.choice(["stuck", "nothing", "half", "wild"]))
    if what == "stuck":
        part[:] = part[0]
    elif what == "nothing":
        part[:] = 0
    elif what == "half":
        part *= rng.uniform(0.35, 0.75)
    else:
        part *= np.exp(rng.normal(0, rng.uniform(0.25, 0.6), len(part)))


def make(rng: np.random.Generator, number: int) -> Labelled:
    days = 105
    flow = normal(rng, days)
    rows = len(flow)
    kinds = rng.choice(["burst", "grows", "valve", "meter"], int(rng.integers(2, 7)), p=[0.4, 0.2, 0.1, 0.3])
    kinds[0] = "grows" if number % 4 == 0 else "burst"
    reach = {"burst": (24, 300), "grows": (384, 960), "valve": (96, 480), "meter": (30, 160)}
    spots = [first for first, _ in places(rng, rows - DAY, [1] * len(kinds), RULES.probation + 100, 1)]
    windows, meters, free = [], [], 0
    for spot, kind in zip(spots, rng.permutation(kinds)):
        first = max(spot, free)
        last = first + int(rng.integers(*reach[kind]))
        # An area is looked after: a week or so without a mishap comes behind each.
        if last > rows - 20:
            break
        free = last + int(rng.integers(300, 800))
        if kind == "meter":
            meters.append((first, last))
        elif kind == "valve":
            flow[first:last + 1] *= 1 + rng.choice([-0.5, 0.5]) * rng.uniform(0.4, 1)
        else:
            first = leak(rng, flow, first, last, kind == "grows")
        windows.append((first, last))
    flow *= 10 ** rng.uniform(0.8, 2.2)
    read = flow.copy()
    for first, last in meters:
        fault(rng, read, first, last)
    # A pulse is so much water; four quarters are an hour.
    pulse = 4 * float(rng.choice([0.01, 0.1])) * (1 if flow.mean() < 40 else 5)
    read = np.round(read / pulse) * pulse
    columns = {"flow": read}
    if number % 3 == 0:
        share = flow / np.quantile(flow, 0.99)
        head = rng.uniform(40, 60) - rng.uniform(4, 12) * share ** 1.85
        columns["pressure"] = np.round(head + 0.4 * correlated(rng, rows, 0.95) + rng.normal(0, 0.1, rows), 2)
    for column in columns.values():
        lost(rng, column, windows, rng.choice([0, 2, 8]), int(rng.choice([2, 12])))
    return Labelled(columns, windows, 900.0)
