"""Shaped like SMD, the server machine dataset (Su et al. 2019, "Robust anomaly detection for multivariate time series
through stochastic recurrent neural network", OmniAnomaly).

Kept: 38 metrics a minute of one machine, each scaled to 0..1 over the whole file, so that one huge peak flattens all
the rest of a column; the names that its authors gave; columns that are never anything but 0; daily rhythm, hourly
jobs, single-minute peaks that are normal, leaks and restarts; windows from a few minutes to hours that show in some
metrics only, with limits drawn by hand. Files are scaled from 28,000 rows to three days.
"""
import numpy as np

from labelled import Labelled, Rules

from ._draws import bump, correlated, day_shape, places

FILES = 20
RULES = Rules(late=30, quiet=80, probation=500)
DAY = 1440

NAMES = """cpu_r load_1 load_5 load_15 mem_shmem mem_u mem_u_e total_mem disk_q disk_r disk_rb disk_svc disk_u disk_w
disk_wa disk_wb si so eth1_fi eth1_fo eth1_pi eth1_po tcp_tw tcp_use active_opens curr_estab in_errs in_segs
listen_overflows out_rsts out_segs passive_opens retransegs tcp_timeouts udp_in_dg udp_out_dg udp_rcv_buf_errs
udp_snd_buf_errs""".split()
IDLE = ["mem_shmem", "total_mem", "si", "so", "in_errs", "listen_overflows", "udp_rcv_buf_errs", "udp_snd_buf_errs",
        "disk_r", "disk_rb", "eth1_fi"]
TRAFFIC = ["eth1_fi", "eth1_fo", "eth1_pi", "eth1_po", "in_segs", "out_segs", "passive_opens", "active_opens"]
WRITES = ["disk_q", "disk_svc", "disk_u", "disk_w", "disk_wa", "disk_wb"]
# What goes wrong: the metrics in which it shows, those which sink where something is out of service, and its forms.
FAULTS = {
    "busy": (["cpu_r", "load_1", "load_5", "load_15"], ["step", "hump"]),
    "leak": (["mem_u", "mem_u_e", "so", "si"], ["ramp"]),
    "disk": (WRITES + ["load_1"], ["step", "hump"]),
    "reads": (["disk_r", "disk_rb", "disk_svc", "disk_u", "cpu_r"], ["step", "hump"]),
    "flood": (TRAFFIC + ["cpu_r", "load_1", "tcp_tw"], ["step", "hump", "ramp"]),
    "clients": (["tcp_use", "curr_estab", "tcp_tw", "listen_overflows"], ["ramp", "step"]),
    "losses": (["retransegs", "tcp_timeouts", "out_rsts"], ["step", "hump"]),
    "outage": (TRAFFIC + ["cpu_r", "curr_estab", "load_1", "udp_in_dg", "udp_out_dg"], ["step"]),
}


def trailing(values: np.ndarray, decay: float) -> np.ndarray:
    """A mean that forgets, as a load average is."""
    mean, kept = float(values[0]), []
    for value in values.tolist():
        mean = decay * mean + (1 - decay) * value
        kept.append(mean)
    return np.array(kept)


def demand(rng, rows: int) -> np.ndarray:
    """How much is asked of the machine: a day's rhythm, what customers happen to do, and jobs by the clock."""
    minutes = np.arange(rows) + int(rng.integers(DAY))
    asked = rng.uniform(0.1, 0.5) + rng.uniform(0, 0.6) * day_shape(rng, minutes / DAY)
    asked = asked * np.exp(rng.uniform(0.03, 0.2) * correlated(rng, rows, 0.97)
                           + rng.uniform(0.02, 0.15) * rng.standard_normal(rows))
    if rng.random() < 0.5:
        every = int(rng.choice([10, 30, 60, 360, DAY]))
        asked[minutes % every < rng.integers(1, 2 + every // 12)] += rng.uniform(0.05, 0.6)
    if rng.random() < 0.3:
        # The scheduler moves work to or from the machine, and that is normal.
        asked[int(rng.integers(rows // 8, rows)):] *= rng.uniform(0.5, 1.7)
    return asked


def metrics(rng, rows: int) -> dict[str, np.ndarray]:
    """All that is measured of one machine, in units of its own."""
    asked, measured = demand(rng, rows), {}

    def noise(size):
        return np.exp(size * rng.standard_normal(rows))

    measured["cpu_r"] = np.round(np.clip(60 * asked * noise(0.08), 0, 100))
    load = 12 * asked * noise(0.25)
    for name, decay in ("load_1", 0.4), ("load_5", 0.82), ("load_15", 0.94):
        measured[name] = np.round(trailing(load, decay), 2)
    sawtooth = (np.arange(rows) / rng.uniform(300, 3000) + rng.random()) % 1
    measured["mem_u"] = 50 + 8 * correlated(rng, rows, 0.999) + rng.choice([0, 0, 15]) * sawtooth
    measured["mem_u_e"] = measured["mem_u"] * 0.9 + rng.uniform(0, 2) * correlated(rng, rows, 0.9)
    written = asked * rng.uniform(20, 400) * noise(rng.uniform(0.1, 0.5))
    written[(np.arange(rows) % int(rng.choice([5, 15, 60]))) == 0] *= rng.uniform(1, 4)
    for name, factor in zip(WRITES, (0.02, 0.05, 0.2, 1, 0.1, 40)):
        measured[name] = np.round(written * factor * noise(0.15), 1)
    for name in TRAFFIC:
        measured[name] = np.round(asked * rng.uniform(500, 20000) * noise(rng.uniform(0.02, 0.15)))
    measured["tcp_use"] = np.round(trailing(asked, 0.9) * rng.uniform(100, 800) * noise(0.02))
    measured["curr_estab"] = np.round(measured["tcp_use"] * rng.uniform(0.5, 0.9) * noise(0.02))
    measured["tcp_tw"] = np.round(asked * rng.uniform(50, 3000) * noise(0.1))
    for name in "retransegs", "tcp_timeouts", "out_rsts":
        measured[name] = rng.poisson(np.maximum(0, asked * rng.choice([0.5, 5, 60]) * noise(0.4))).astype(float)
    for name in "udp_in_dg", "udp_out_dg":
        measured[name] = rng.poisson(rng.uniform(1, 40), rows).astype(float)
    for name in IDLE:
        if name not in measured or rng.random() < 0.4:
            measured[name] = np.zeros(rows)
    for name in rng.choice(NAMES, 12, replace=False):
        # Peaks of a single minute, which nobody calls anomalous.
        peaks = rng.random(rows) < rng.choice([0.0003, 0.002, 0.006])
        measured[name] = np.where(peaks, measured[name] * (1 + rng.exponential(1.2, rows)), measured[name])
    return measured


def fault(rng, measured: dict[str, np.ndarray], first: int, length: int) -> None:
    """Something goes wrong with the machine in these rows."""
    kind = str(rng.choice(list(FAULTS)))
    names, forms = FAULTS[kind]
    shown = bump(length, str(rng.choice(forms)))
    strength = np.exp(rng.normal(0.3, 0.7))
    left = rng.uniform(0, 0.5)
    for name in names[:2] + [n for n in names[2:] if rng.random() < 0.7]:
        values = measured[name]
        part = values[first:first + length]
        if kind == "outage":
            part *= left
            continue
        # How far a metric swings by itself sets how far it goes; one that was always 0 counts a few.
        swing = float(np.percentile(values, 99) - np.percentile(values, 25)) or float(rng.integers(1, 6))
        part += shown * swing * strength * rng.uniform(0.5, 1.5) * np.exp(0.2 * rng.standard_normal(length))
        if name == "cpu_r":
            np.clip(part, 0, 100, out=part)


def make(rng: np.random.Generator, number: int) -> Labelled:
    rows = int(rng.integers(3900, 4500))
    measured = metrics(rng, rows)
    lengths = np.clip(np.exp(rng.normal(3.7, 1.1, 1 + rng.poisson(1.4))), 3, 600)
    windows = places(rng, rows, lengths, max(RULES.probation + 50, rows // 7), 90)
    for first, last in windows:
        # A label begins some minutes before or behind what it names, and may end behind it.
        begin = first + int(rng.integers(-3, 4))
        end = max(begin + 2, last - int(rng.integers(0, 1 + (last - first) // 4)))
        fault(rng, measured, begin, min(end, rows - 1) - begin + 1)
    scaled = {}
    for name in NAMES:
        low, width = measured[name].min(), np.ptp(measured[name])
        scaled[name] = np.round((measured[name] - low) / (width or 1), 6)
    return Labelled(scaled, windows, 60.0)
