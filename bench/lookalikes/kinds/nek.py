"""Shaped like the metrics of microservices under injected faults (RCAEval of Pham et al. 2024, and server metrics as in
SMN and SMD, Su et al. 2019); not like the single KPI of network equipment that is called NEK in TSB-AD.

Kept: ten metrics of one service each 15 seconds: work, latency (median and tail), errors, processor, memory, disk,
sockets and network; load that follows the hour, steps with tests and jumps with campaigns; jobs at the full hour that
look like faults, deployments that restart memory, garbage collection, heavy tails, errors that are nought nearly
always, scrapes that fail. Faults are those of the benchmark (processor hog, memory hog, disk stress, delay and loss of
packets, sockets used up), of 5 to 20 minutes; the label is the time of injection, and queues need a while to drain."""
import numpy as np

from labelled import Labelled, Rules

from ._draws import apart, wander

FILES = 24
RULES = Rules(late=20, quiet=80, probation=500)
FAULTS = ("cpu", "mem", "disk", "delay", "loss", "socket")


def work(rng, rows):
    """Requests a second: the day, steps of tests, campaigns."""
    hour = (rng.uniform(0, 24) + np.arange(rows) / 240) % 24
    rate = 1 + rng.uniform(.1, .5) * np.sin((hour - 9) / 24 * 2 * np.pi) + .05 * wander(rng, rows, .98)
    for _ in range(rng.integers(0, 4)):
        begin, length = int(rng.integers(0, rows)), int(rng.integers(60, 500))
        rate[begin:begin + length] *= rng.uniform(1.15, 1.6) if rng.random() < .7 else rng.uniform(.6, .85)
    return rate * rng.uniform(.85, 1.1), hour


def memory(rng, rows, hog):
    """Megabytes in use: grows, is collected, and starts afresh with each deployment."""
    grow, limit, base = rng.uniform(.15, .8), rng.uniform(60, 160), rng.uniform(250, 900)
    leak, deployed = rng.uniform(0, .015), set(rng.integers(0, rows, rng.integers(0, 3)).tolist())
    use, kept, out = 0.0, 0.0, np.zeros(rows)
    noise = rng.normal(0, 1, rows)
    for row in range(rows):
        if row in deployed:
            use, kept = 0.0, 0.0
        use += grow * (1 + .3 * noise[row])
        kept += leak
        if use > limit + 6 * noise[row]:
            use *= .15
        out[row] = base + use + kept + hog[row]
    return out, deployed


def make(rng, number):
    """Some 18 hours of one service with one to four injections."""
    rows = int(rng.integers(3800, 5200))
    lengths = [int(n) for n in rng.integers(20, 80, rng.integers(1, 5))]
    size = {fault: np.zeros(rows) for fault in FAULTS}
    windows = []
    for begin, length in zip(apart(rng, rows, lengths, 600, 200), lengths):
        size[rng.choice(FAULTS)][begin + int(rng.integers(0, 3)):begin + length] = rng.uniform(.4, 1.3)
        windows.append((begin, begin + length - 1))
    rate, hour = work(rng, rows)
    scale, cost = 10 ** rng.uniform(1, 2.7), rng.uniform(.3, .5)
    since = np.zeros(rows)  # rows since a memory hog began, as it fills up
    for row in range(1, rows):
        since[row] = since[row - 1] + 1 if size["mem"][row] else since[row - 1] * .3
    used, deployed = memory(rng, rows, 9 * size["mem"].max() * np.minimum(since, 60))
    job = (np.arange(rows) + int(rng.integers(240))) % (240 * rng.integers(1, 4)) < rng.integers(3, 12)
    job = job * rng.uniform(.05, .3)
    cpu = cost * rate * (1 + .05 * rng.normal(0, 1, rows)) + job + .04 * wander(rng, rows, .8) + .45 * size["cpu"]
    busy = np.clip(cpu + .15 * size["disk"] + .004 * since * size["mem"], .02, .97)
    slow = 1 / (1 - busy) * np.exp(.08 * rng.normal(0, 1, rows))
    base = rng.uniform(4, 60)
    for row in deployed:
        slow[row:row + 8] *= rng.uniform(1.5, 4)
    p50 = base * slow * (1 + .35 * size["disk"]) + base * rng.uniform(.5, 5) * size["delay"] + base * .3 * size["loss"]
    tail = rng.uniform(2, 4) * (1 + .15 * rng.pareto(3, rows))
    p95 = p50 * tail + base * 8 * size["loss"] * rng.uniform(.3, 1, rows) + base * 3 * size["socket"]
    served = rate * scale * (1 - .1 * size["loss"] - .25 * size["socket"] - .05 * size["delay"])
    wrong = rng.poisson(served * 15 * (.00003 + .012 * size["loss"] + .05 * size["socket"] + .05 * (busy > .95)))
    blips = rng.random(rows) < .003
    wrong = wrong + blips * rng.poisson(scale * .3, rows)
    sockets = 20 + .25 * np.sqrt(scale) * p50 / base * rate * 6 + 90 * size["socket"] + 2 * rng.normal(0, 1, rows)
    disk = 30 * rate * rng.gamma(3, 1 / 3, rows) + 900 * job * rng.uniform(.5, 1, rows) + 260 * size["disk"]
    bytes_in = served * 1.2 * np.exp(.06 * rng.normal(0, 1, rows))
    columns = {
        "workload": np.round(served * np.exp(rng.normal(0, .03, rows)), 2), "latency_p50": np.round(p50, 2),
        "latency_p95": np.round(p95, 2), "error_rate": np.round(wrong / np.maximum(served * 15, 1), 5),
        "cpu": np.round(np.clip(cpu, .005, 1) * 100, 2), "mem": np.round(used, 1), "disk_io": np.round(disk, 1),
        "sockets": np.round(sockets), "net_in": np.round(bytes_in, 2),
        "net_out": np.round(bytes_in * 4.5 * np.exp(.05 * rng.normal(0, 1, rows)), 2)}
    failed = rng.random(rows) < rng.choice([0, .002])
    for values in columns.values():
        values[failed] = np.nan
    return Labelled(columns, windows, 15.0)
