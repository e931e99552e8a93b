"""Shaped like ASD, the application server dataset (Li et al. 2021, "Multivariate time series anomaly detection and
interpretation using hierarchical inter-metric and temporal embedding", InterFusion).

Kept: 19 metrics of one server each five minutes, without names and scaled to 0..1 over the file: processor, memory,
disks, network and the virtual machine that runs the application; a rhythm of the day that nearly all of them follow
with a reaction of their own, weekends, releases after which a server is a little different, backups at night, garbage
collected in saw-teeth, single peaks. Anomalies are of several metrics together, from a quarter of an hour to a day or
so: a load that nothing explains, a leak, a slow disk, a slow service behind (threads wait, while the processor
rests), a flood of connections, garbage collected all the time, a server taken out of the balance, and metrics that no
longer go together, though each of them is within its usual range. Shortened: three weeks in place of 45 days."""
import numpy as np

from labelled import Labelled, Rules

from ._draws import bump, correlated, day_shape, joined, lagged, places

FILES = 24
RULES = Rules(late=20, quiet=72, probation=864)
DAY = 288

METRICS = """cpu_user cpu_system cpu_wait load memory swap disk_read disk_write disk_busy net_in net_out connections
requests latency errors threads heap gc_time pool""".split()
# What goes wrong: metrics with how far they go, in the spread of a day; below 0 where they sink. Then its forms.
FAULTS = {
    "busy": ({"cpu_user": 1.4, "load": 1.6, "latency": .8, "cpu_system": .5}, ("step", "hump")),
    "leak": ({"memory": 1.6, "heap": 1.5, "gc_time": 1.2, "swap": 1}, ("ramp",)),
    "disk": ({"cpu_wait": 2.5, "disk_busy": 2, "load": .9, "latency": 1, "disk_write": -.4}, ("step", "hump")),
    "behind": ({"threads": 2, "pool": 1.8, "latency": 2.2, "cpu_user": -.5, "requests": -.4, "errors": 1},
               ("step", "hump")),
    "flood": ({"connections": 2, "net_in": 1.6, "requests": 1.2, "threads": .9, "errors": 1.2},
              ("step", "hump", "ramp")),
    "garbage": ({"gc_time": 3, "cpu_user": .8, "latency": .7, "heap": .9}, ("step", "ramp")),
    "reading": ({"disk_read": 2.2, "disk_busy": 1.5, "cpu_wait": .9, "net_out": 1.1}, ("step", "hump")),
}
DRIVEN = ["cpu_user", "load", "net_in", "net_out", "connections", "requests", "threads", "cpu_system", "pool"]


def demand(rng, rows, moment):
    """What is asked of the server: its share of a day's business; 1 in the middle of the day."""
    days = moment // DAY
    weekend = np.where(days % 7 >= 5, rng.uniform(.5, 1.05), 1)
    own = np.interp(moment / DAY, np.arange(days[-1] + 2), np.exp(.06 * rng.standard_normal(days[-1] + 2)))
    asked = rng.uniform(.15, .45) + day_shape(rng, moment / DAY, 3) * weekend * own
    return asked * np.exp(.05 * correlated(rng, rows, .97) + .03 * rng.standard_normal(rows))


def metrics(rng, rows, moment):
    """All 19 as they are when nothing is wrong."""
    asked = demand(rng, rows, moment)
    mine = {name: np.exp(rng.uniform(.02, .09) * correlated(rng, rows, rng.choice([.3, .8, .95]))) for name in METRICS}
    for begin in rng.integers(rows // 8, rows, rng.poisson(.7)):
        # A release: the server does the same work a little cheaper or dearer from here on.
        for name in rng.choice(METRICS, 4, replace=False):
            mine[name][begin:] *= rng.uniform(.82, 1.2)
    night = (moment % DAY >= (at := int(rng.integers(DAY)))) & (moment % DAY < at + rng.integers(3, 14))
    night = night * np.repeat(rng.uniform(.6, 1.2, moment[-1] // DAY + 1), DAY)[moment]
    night = night * (rng.random() < .7)
    tooth = (np.cumsum(.3 + asked) / rng.uniform(40, 400) + rng.random()) % 1
    made = {"cpu_user": 60 * (1 - np.exp(-asked)), "cpu_system": 4 + 12 * asked + 6 * night, "load": 3 * asked ** 1.4,
            "cpu_wait": .5 + 1.5 * asked + 8 * night, "disk_read": 5 + 20 * asked + 260 * night,
            "disk_write": 40 + 60 * asked + 90 * night, "disk_busy": 5 + 9 * asked + 45 * night,
            "net_in": 90 * asked, "net_out": 30 + 260 * asked + rng.choice([0, 400]) * night,
            "connections": 60 + 400 * lagged(asked, .6), "requests": 900 * asked, "latency": 40 + 18 * asked ** 2,
            "threads": 30 + 70 * lagged(asked, .4), "pool": 4 + 16 * asked, "heap": 900 + 700 * tooth + 200 * asked,
            "gc_time": 10 + 30 * asked + 60 * (np.diff(tooth, prepend=0) < -.5), "swap": 12 + 0 * asked,
            "memory": 60 + 6 * lagged(asked, .98) + 3 * correlated(rng, rows, .998)}
    made = {name: values * mine[name] for name, values in made.items()}
    made["errors"] = rng.poisson(np.maximum(rng.choice([.3, 2, 8]) * asked * mine["errors"], .01)).astype(float)
    made["swap"] = np.round(made["swap"] / 4) * 4
    for name in rng.choice(METRICS, 7, replace=False):
        # Peaks of one row or two, which nobody calls anomalous.
        peaks = rng.random(rows) < rng.choice([.0005, .002, .004])
        peaks |= np.roll(peaks, 1) & (rng.random(rows) < .3)
        made[name] = np.where(peaks, made[name] * (1 + rng.exponential(.7, rows)), made[name])
    return made


def spread_of(values):
    """From the night to the peak of the day; of what hardly moves, a share of what it is."""
    return max(float(np.percentile(values, 95) - np.percentile(values, 5)), .08 * float(np.median(values)), 1e-6)


def fault(rng, made, first, last):
    """Something goes wrong with the server in these rows."""
    length = last - first + 1
    luck = rng.random()
    if luck < .12:
        # Out of the balance: no work comes, though it runs.
        left = rng.uniform(.05, .4)
        for name in DRIVEN:
            made[name][first:last + 1] *= left * np.exp(.05 * rng.standard_normal(length))
        return
    if luck < .27 and length > 40:
        # What should go together does not: some metrics are as they were at another time, when less or more was asked.
        asked, times = made["requests"], rng.integers(DAY // 6, DAY, 4)
        away = int(max(times, key=lambda t: np.abs(asked[first:last + 1] - asked[first - t:last + 1 - t]).mean()))
        for name in rng.choice(DRIVEN, rng.integers(3, 6), replace=False):
            made[name][first:last + 1] = made[name][first - away:last + 1 - away].copy()
        return
    goes, forms = FAULTS[str(rng.choice(list(FAULTS)))]
    shown, strength = bump(length, str(rng.choice(forms))), np.exp(rng.normal(-.1, .35))
    for place, (name, far) in enumerate(goes.items()):
        if place >= 2 and rng.random() < .2:
            continue
        part = made[name][first:last + 1]
        part += shown * far * strength * rng.uniform(.7, 1.3) * spread_of(made[name]) * np.exp(
            .12 * rng.standard_normal(length))
        np.maximum(part, 0, out=part)


def make(rng: np.random.Generator, number: int) -> Labelled:
    rows = int(rng.integers(5800, 6500))
    moment = np.arange(rows) + int(rng.integers(7 * DAY))
    made = metrics(rng, rows, moment)
    lengths = np.clip(np.exp(rng.normal(3.6, 1, 3 + rng.poisson(2.5))), 3, 400)
    windows = places(rng, rows, lengths, RULES.probation + DAY, 100)
    for first, last in windows:
        fault(rng, made, first, last)
    for name in "cpu_user", "cpu_wait", "disk_busy", "memory":
        np.minimum(made[name], 100, out=made[name])
    scaled = {}
    for place, name in enumerate(METRICS):
        low, width = made[name].min(), np.ptp(made[name])
        scaled[f"metric_{place}"] = np.round((made[name] - low) / (width or 1), 6)
    return Labelled(scaled, joined(windows), 300.0)
