"""Streaming jobs on a cluster, shaped like Exathlon (Jacob et al. 2021): traces of Spark applications, of which the 19
features that the authors made of some two thousand metrics are kept, a row a second.

Kept: figures of the last batch that stand still from one batch to the next, differences of counters, heap in the
sawtooth of its collector, idle processors as noisy differences, input that another application sends at a rate which
is changed now and then, slow checkpoints and other hitches that are not labelled. Labelled are the kinds of disturbance
of the paper together with their aftermath: bursts of input, bursts until the application crashes, input that stalls,
a foreign load on a node, a driver that fails, an executor that fails. Traces are a third as long as the real ones."""
import numpy as np

from labelled import Labelled, Rules

from ._draws import joined

FILES = 24
RULES = Rules(late=40, quiet=120, probation=500)

LONG = {"burst": (200, 500), "burst until crash": (250, 500), "stall": (150, 350), "contention": (150, 450),
        "driver": (40, 120), "executor": (60, 180)}
KINDS = list(LONG)
NODES = (5, 6, 7, 8)


def disturb(rng, rows: int, number: int) -> list[tuple[str, int, int]]:
    """What goes wrong: kind, first and last row of the cause. Only one kind comes often within one trace."""
    usual = KINDS[number % len(KINDS)]
    causes, at = [], int(rows * rng.uniform(0.16, 0.4))
    while at < rows - 600 and len(causes) < 5:
        others = rng.choice(["burst", "stall", "contention", "executor"])
        kind = str(others) if rng.random() < 0.15 else usual.split()[0]
        causes.append((kind, at, at + int(rng.integers(*LONG[kind]))))
        at = causes[-1][2] + int(rng.uniform(500, 1800))
    if usual == "burst until crash":
        causes[-1] = ("burst until crash", causes[-1][1], causes[-1][1] + int(rng.integers(*LONG[usual])))
    return causes


def input_rate(rng, rows: int, causes: list) -> np.ndarray:
    """Records a second that come in."""
    rate = np.full(rows, rng.uniform(500, 4000))
    at = int(rng.exponential(1500))
    while at < rows:
        rate[at:] = rate[0] * rng.choice([0.5, 0.8, 1.0, 1.2, 1.5])
        at += int(rng.exponential(2500)) + 200
    for kind, first, last in causes:
        if kind.startswith("burst"):
            beat = int(rng.integers(20, 90))
            on = (np.arange(last - first) % beat) < beat * rng.uniform(0.4, 1.0)
            rate[first:last] *= np.where(on, rng.uniform(2.5, 5.5), 1)
        if kind == "stall":
            rate[first:last] = 0
    return rng.poisson(rate * np.exp(rng.normal(0, 0.03, rows))).astype(float)


def hindrances(rng, rows: int, causes: list) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """In each row: how much slower work goes, the foreign load on each node, and the share of executors alive."""
    slow, foreign, alive = np.ones(rows), np.zeros((rows, len(NODES))), np.ones(rows)
    for kind, first, last in causes:
        if kind == "contention":
            foreign[first:last, rng.integers(len(NODES))] = rng.uniform(40, 90)
            slow[first:last] *= rng.uniform(1.3, 3)
        if kind == "executor":
            slow[first:last] *= rng.uniform(1.3, 2.2)
            slow[first:first + 15] *= 4
            alive[first:last] = rng.uniform(0.6, 0.85)
    for _ in range(rng.poisson(rows / 1500)):
        first = int(rng.integers(rows))
        slow[first:first + int(rng.integers(5, 40))] *= rng.uniform(1.3, 2.5)
    return slow, foreign, alive


def run_batches(rng, received: np.ndarray, slow: np.ndarray, down: np.ndarray) -> dict:
    """The queue of batches: each waits for those before it. What is known of them holds until the next is done."""
    rows = len(received)
    every, checkpoint = int(rng.choice([5, 10, 15])), int(rng.integers(8, 14))
    usual, (fixed, per_load) = max(np.median(received), 1) * every, 1000 * every * rng.uniform((0.05, 0.2), (0.15, 0.4))
    out = {name: np.zeros(rows) for name in ("processing", "scheduling", "records", "done", "processed", "busy")}
    free = 0.0
    for k, first in enumerate(range(0, rows - every, every)):
        here = first + every
        records = received[first:here].sum()
        took = (fixed + per_load * records / usual) * slow[first] * rng.lognormal(0, 0.12)
        if k % checkpoint == 0:
            took *= rng.uniform(1.2, 1.8)
        # A driver that is down hands out no work: all waits until it is back.
        while int(here) < rows - 1 and down[int(here)]:
            here += 1
        begins = max(float(here), free)
        free = begins + took / 1000
        end = int(free) + 1
        out["records"][first + every:] = records
        if end < rows:
            out["processing"][end:] = round(took)
            out["scheduling"][end:] = round((begins - first - every) * 1000 + rng.exponential(2))
            out["done"][end] += 1
            out["processed"][end] += records
        out["busy"][int(begins):end] = min(1.0, took / 1000 / every + 0.3)
    return out


def sawtooth(rng, fill: np.ndarray, floor: float, top: float) -> np.ndarray:
    """A heap which fills with `fill` a row and is emptied when full."""
    level, out = floor, np.empty(len(fill))
    for row, more in enumerate(fill):
        level += more
        if level > top:
            level = floor * rng.uniform(0.9, 1.3)
        out[row] = round(level, 1)
    return out


def make(rng, number: int) -> Labelled:
    """One trace of one application."""
    # A trace that crashes is cut off soon after.
    crashes = KINDS[number % len(KINDS)] == "burst until crash"
    rows = int(rng.integers(5700, 6500) if crashes else rng.integers(4400, 5700))
    causes = disturb(rng, rows, number)
    gone, down = causes[-1][2] if crashes else rows, np.zeros(rows, bool)
    for kind, first, last in causes:
        down[first:last] |= kind == "driver"
    received = input_rate(rng, rows, causes)
    slow, foreign, alive = hindrances(rng, rows, causes)
    batch = run_batches(rng, received, slow, down)
    load, streaming = received / max(np.median(received), 1), "driver_StreamingMetrics_streaming_"
    columns = {f"{streaming}lastCompletedBatch_processingDelay_value": batch["processing"],
               f"{streaming}lastCompletedBatch_schedulingDelay_value": batch["scheduling"],
               f"{streaming}lastCompletedBatch_totalDelay_value": batch["processing"] + batch["scheduling"],
               f"1_diff_{streaming}totalCompletedBatches_value": batch["done"],
               f"1_diff_{streaming}totalProcessedRecords_value": batch["processed"],
               f"1_diff_{streaming}totalReceivedRecords_value": received,
               f"{streaming}lastReceivedBatch_records_value": batch["records"]}
    kept_mb = np.round(rng.uniform(20, 80) * load + 5 * (batch["busy"] > 0))
    columns["1_diff_driver_BlockManager_memory_memUsed_MB_value"] = np.diff(kept_mb, prepend=kept_mb[0])
    filling = rng.gamma(2, rng.uniform(0.5, 2), rows) * (0.5 + 0.5 * load)
    columns["driver_jvm_heap_used_value"] = sawtooth(rng, filling, 250, rng.uniform(700, 1400))
    for place, name in enumerate(NODES):
        idle = 100 - rng.uniform(20, 60) * batch["busy"] - rng.gamma(2, 2, rows) - foreign[:, place]
        columns[f"1_diff_node{name}_CPU_ALL_Idle%"] = np.round(np.diff(np.clip(idle, 0, 100), prepend=idle[0]), 1)
    work = batch["busy"] * rng.uniform(0.8, 1.2, rows) * slow
    executor, filling = "1_diff_avg_executor_", rng.gamma(2, 3, rows) * (0.3 + 0.7 * load)
    columns |= {
        f"{executor}filesystem_hdfs_write_ops_value": 1.0 * rng.poisson(2 * batch["done"] * alive),
        f"{executor}cpuTime_count": np.round(4e8 * work / slow * alive, -4),
        f"{executor}runTime_count": np.round(900 * work * alive),
        f"{executor}shuffleRecordsRead_count": np.round(batch["processed"] / 7 * alive),
        f"{executor}recordsRead_count": np.round(batch["processed"] / 3 * alive),
        "avg_jvm_heap_used_value": alive * sawtooth(rng, filling, 500, rng.uniform(1500, 3000))}
    for name, values in columns.items():
        if "node" not in name:
            values[gone:] = np.nan
            values[down & ("avg" not in name)] = np.nan
    rows, windows = min(rows, gone + int(rng.integers(20, 90))), []
    delay = batch["processing"] + batch["scheduling"]
    for kind, first, last in causes:
        # The label goes on while the delays that the cause has left are far above their usual.
        after = delay[last:rows] > 3 * np.median(delay)
        still = len(after) if after.all() else max(int(np.argmin(after)), 20)
        end = rows - 1 if kind == "burst until crash" else min(last + still, rows - 1)
        windows.append((first, end))
    return Labelled({name: values[:rows] for name, values in columns.items()}, joined(windows), 1.0)
