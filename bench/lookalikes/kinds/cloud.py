"""Metrics of a cloud service, as its operators watch them; in the manner of NAB's AWS files and of the sets that
cloud companies have published (Exathlon's traces, Alibaba's and Microsoft's), though a look-alike of no single one.

Kept: one metric a minute over six days, or each fifth over four weeks: processor, the 99th percentile of latency, the
length of a queue, requests, a disk that fills and is emptied, a heap between collections, instances that a scaler
adds and takes away, errors. What is normal and looks odd: deploys which restart everything (a dip, cold caches,
another level from then on), backups by the clock, batches that a queue takes in one go, steps of the scaler, single
slow requests, a busier day, scrapes that failed. Anomalies are incidents of minutes to hours, each as such a metric
shows it: an overload, a slow dependency, an outage, a consumer that stands still, a leak, logs that run away, a
scaler that hangs or flaps, a runaway process. A window begins with the first row that the incident changes visibly,
and ends with the incident, or where its backlog has drained."""
import numpy as np

from labelled import Labelled, Rules

from ._draws import bump, correlated, joined, places
from ._traffic import DAY, lost, volume

FILES = 28
RULES = Rules(late=20, quiet=60, probation=1000)

METRICS = ["cpu", "latency", "queue", "requests", "disk", "heap", "instances", "errors"]


def load(rng, rows: int, minutes: np.ndarray) -> np.ndarray:
    """What customers ask for, about 1 at the busiest."""
    busy = volume(rng, rows, minutes, rng.uniform(0.02, 0.06), rng.uniform(0.01, 0.06))
    return busy / np.quantile(busy, 0.99)


def backlog(arrive: np.ndarray, serve: np.ndarray) -> np.ndarray:
    """What waits when so much arrives and so much can be served in each row."""
    waiting, held = [], 0.0
    for more, less in zip(arrive.tolist(), serve.tolist()):
        held = max(0.0, held + more - less)
        waiting.append(held)
    return np.array(waiting)


def saw(grow: np.ndarray, reach: np.ndarray, floor: np.ndarray) -> np.ndarray:
    """What grows by so much in each row and falls to the floor whenever it is above its reach."""
    held, values = float(floor[0]), []
    for row, more in enumerate(grow.tolist()):
        held += more
        if held > reach[row]:
            held = floor[row]
        values.append(held)
    return np.array(values)


def scaled(rng, busy: np.ndarray, hangs: np.ndarray, flaps: np.ndarray) -> np.ndarray:
    """Instances: more as soon as they are too busy, fewer when long idle; neither while the scaler hangs."""
    size, rest, values = float(rng.uniform(0.04, 0.2)), int(rng.integers(5, 20)), []
    jumps = (rng.choice([-1, 1], len(busy)) * rng.integers(2, 6, len(busy))).tolist()
    count = max(2, round(busy[0] / size / 0.6))
    since = 0
    for row, now in enumerate(busy.tolist()):
        since += 1
        use = now / size / count
        if flaps[row] and since >= 3:
            count, since = max(2, round(now / size / 0.6) + jumps[row]), 0
        elif not hangs[row] and use > 0.7 and since >= 3:
            count, since = count + max(1, round(0.15 * count)), 0
        elif not hangs[row] and use < 0.45 and since >= rest and count > 2:
            count, since = count - 1, 0
        values.append(count)
    return np.array(values, float)


def metric(rng, name: str, busy: np.ndarray, minutes: np.ndarray, bad: np.ndarray, how: np.ndarray) -> np.ndarray:
    """The metric. `bad` is how strong an incident is in each row, 0 to 1, and `how` the one of its forms, 0 or 1."""
    rows, one, two = len(busy), bad * (how == 0), bad * (how == 1)
    noise = rng.standard_normal(rows)
    if name == "requests":
        # An outage, or a robot and its retries.
        return busy * (1 - 0.9 * one) + rng.uniform(0.4, 1.2) * two * (1 + 0.1 * noise)
    if name == "cpu":
        backup = minutes % DAY - rng.integers(60, 300)
        value = 8 + rng.uniform(30, 60) * busy + rng.uniform(5, 25) * ((backup >= 0) & (backup < rng.integers(10, 40)))
        value = value + rng.uniform(0.5, 3) * noise + rng.uniform(20, 60) * one + 4 * one * noise
        return np.clip(value * (1 - 0.8 * two), 0.3, 100)
    if name == "latency":
        value = rng.uniform(40, 200) * (1 + 0.5 * busy ** 3) * np.exp(0.12 * noise + 0.06 * correlated(rng, rows, 0.98))
        slow = np.where(rng.random(rows) < 0.002, rng.uniform(1.5, 5, rows), 1)
        # A dependency is slow, or some calls run into their time limit.
        return value * slow * (1 + rng.uniform(0.8, 4) * one) * (1 + 5 * (two > 0) * (rng.random(rows) < 0.3 * two))
    if name == "queue":
        size = rng.uniform(30, 300)
        batch = (minutes % int(rng.choice([60, 360])) < 2) * rng.uniform(2, 12)
        arrive, serve = rng.poisson(size * np.maximum(busy + batch, 0.02)), size * rng.uniform(1.02, 1.3)
        # Nothing, or less, is served; or more comes than can be.
        serve = serve * (1 - rng.uniform(0.6, 1) * one) * np.exp(0.15 * correlated(rng, rows, 0.7))
        return backlog(arrive + rng.poisson(1.2 * size * two), serve)
    if name == "disk":
        grow = rng.uniform(0.004, 0.05) * (0.3 + busy) * rng.gamma(4, 1 / 4, rows)
        reach = np.full(rows, rng.uniform(70, 90))
        floor = rng.uniform(20, 50) * rng.uniform(0.95, 1.1, rows)
        # Logs run away, or somebody puts a dump there and takes it off again.
        return np.clip(saw(grow * (1 + rng.uniform(6, 15) * one), reach, floor) + rng.uniform(8, 25) * two
                       + rng.uniform(0.05, 0.3) * correlated(rng, rows, 0.8), 0, 99.8)
    if name == "heap":
        grow = rng.uniform(0.02, 0.2) * (0.2 + busy) * np.exp(0.2 * noise)
        floor = rng.uniform(0.15, 0.35) * rng.uniform(0.95, 1.1, rows) + rng.uniform(0.25, 0.4) * one
        # A leak lifts what a collection leaves, or the collector runs all the time.
        reach = np.maximum(rng.uniform(0.7, 0.9) + 0.02 * noise - 0.3 * (two > 0), floor + 0.05)
        return saw(grow, reach, floor) * rng.choice([512, 2048, 8192])
    if name == "instances":
        return scaled(rng, busy * np.exp(0.04 * noise), two > 0, one > 0)
    rate = rng.uniform(0.3, 6) * np.maximum(busy, 0.02) * np.exp(0.2 * correlated(rng, rows, 0.99))
    more, fixed, value = rng.uniform(3, 20), rng.uniform(3, 30), rng.poisson(rate).astype(float)
    return value + rng.poisson(rate * more * one + fixed * two)


def seen(healthy: np.ndarray, value: np.ndarray, first: int, last: int, drains: int) -> list[tuple[int, int]]:
    """The window of an incident in those rows: from the first which it changes on, and until what it left has
    drained, or for so many rows; none if it changes nothing."""
    differs = np.abs(value - healthy) > 0.02 * np.ptp(healthy)
    if not differs[first:last + 1].any():
        return []
    for _ in range(drains):
        if last + 2 >= len(value) or not differs[last + 1]:
            break
        last += 1
    return [(first + int(np.argmax(differs[first:])), last)]


def deploys(rng, value: np.ndarray, name: str, windows: list[tuple[int, int]]) -> None:
    """Restarts, planned and thus normal, away from incidents: a short dip or rise, then a level a little other."""
    if name in ("disk", "queue", "instances"):
        return
    for row in rng.integers(200, len(value) - 10, rng.poisson(2)):
        if any(first - 70 < row < last + 70 for first, last in windows):
            continue
        length = int(rng.integers(2, 6))
        value[row:row + length] *= rng.uniform(1.2, 2.5) if name in ("latency", "errors") else rng.uniform(0.3, 0.8)
        if name in ("cpu", "latency"):
            value[row + length:] *= rng.uniform(0.9, 1.12)


def make(rng: np.random.Generator, number: int) -> Labelled:
    name = METRICS[number % len(METRICS)]
    step = 5 if number % 3 == 2 else 1
    rows = int(rng.integers(8000, 9001))
    minutes = np.arange(rows) * step + int(rng.integers(7 * DAY))
    busy = load(rng, rows, minutes)
    count = int(rng.integers(2, 8))
    slow = name in ("disk", "heap", "instances")
    lengths = np.clip(np.exp(rng.normal(4.9 if slow else 3.5, 0.7, count)), 60 if slow else 5, 500)
    windows, bad, how = [], np.zeros(rows), np.zeros(rows, int)
    for first, last in places(rng, rows - 200, lengths, RULES.probation + 100, 250):
        length = last - first + 1
        form = "ramp" if name == "heap" or length > 30 and rng.random() < 0.25 else str(rng.choice(["step", "hump"]))
        bad[first:last + 1] = bump(length, form) * rng.uniform(0.4, 1)
        how[first:last + 1] = rng.integers(2)
        windows.append((first, last))
    # The same draws without the incidents tell where these show: a backlog outlives its cause, and a scaler that hangs
    # in a quiet hour does no harm.
    state = rng.bit_generator.state
    healthy = metric(rng, name, busy, minutes, np.zeros(rows), how)
    rng.bit_generator.state = state
    value = metric(rng, name, busy, minutes, bad, how)
    drains = {"queue": rows, "instances": 200}.get(name, 0)
    windows = joined(shown for window in windows for shown in seen(healthy, value, *window, drains))
    deploys(rng, value, name, windows)
    if name in ("cpu", "disk"):
        value = np.clip(value, 0, 100)
    elif name == "requests":
        value = value * rng.uniform(50, 5000)
    value = np.round(value, 0 if name in ("queue", "instances", "errors", "requests") else 2)
    lost(rng, value, windows, rng.choice([0, 3, 15]), int(rng.choice([2, 10])))
    return Labelled({name: value}, windows, 60.0 * step)
