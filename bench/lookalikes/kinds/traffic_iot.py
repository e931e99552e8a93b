"""Shaped like the flow counters of smart-home devices under attack (Hamza, Gharakheili, Benson, Sivaraman 2019, UNSW).

Kept: one device a file (camera, hub, plug, speaker), packets and bytes a minute of each of its permitted flows: cloud
both ways, name and time servers, local control, discovery, ping; columns that are nought nearly always, heart beats
each few minutes, bursts when something moves or somebody talks, nightly updates, reconnections. Attacks last about ten
minutes at 1, 10 or 100 packets a second: floods at the device, reflections off it, spoofing; at the lowest rate they
drown in a camera's own traffic. The label comes from the attacker's log and may be a minute off."""
import numpy as np

from labelled import Labelled, Rules

from ._draws import apart

FILES = 24
RULES = Rules(late=15, quiet=60, probation=700)
# Packets a minute at rest, bytes a packet, chance of a burst a minute, and packets a minute in it.
DEVICES = {"camera": (18, 600, .02, 400), "hub": (4, 110, .008, 30), "plug": (1.5, 90, .003, 10),
           "speaker": (6, 240, .012, 300)}
ATTACKS = ("arp spoofing", "ping of death", "tcp syn flood", "fraggle", "ssdp reflection", "tcp reflection", "smurf")


def beats(rng, rows, every, size):
    """Packets of something that happens every so many minutes, give or take."""
    at = np.cumsum(rng.normal(every, every * .05, int(rows / every) + 2)) + rng.uniform(0, every)
    counts = np.zeros(rows)
    rows_hit = np.round(at[at < rows - 1]).astype(int)
    np.add.at(counts, rows_hit, size + rng.poisson(size * .15, len(rows_hit)))
    return counts


def activity(rng, rows, chance, size):
    """Packets of what people set off: more in the morning and evening, in bursts of some minutes."""
    hour = (rng.uniform(0, 24) + np.arange(rows) / 60) % 24
    awake = .12 + np.exp(-((hour - 8) / 1.5) ** 2) + 1.2 * np.exp(-((hour - 19.5) / 2.6) ** 2)
    burst = np.zeros(rows)
    for begin in np.flatnonzero(rng.random(rows) < chance * awake):
        length = int(rng.integers(1, 9))
        burst[begin:begin + length] += size * rng.lognormal(0, .6)
    return rng.poisson(burst).astype(float)


def strike(rng, flows, attack, part, rate):
    """Adds an attack of `rate` packets a second, in place."""
    length = part.stop - part.start
    sent = rng.poisson(60 * rate * rng.uniform(.9, 1.1), length).astype(float)
    answers = np.round(sent * rng.uniform(.3, 1))
    match attack:
        case "arp spoofing":
            flows["arp"][part] += sent
            flows["to_cloud"][part] *= rng.uniform(.9, 1.2)
        case "ping of death":
            flows["icmp"][part] += sent
        case "tcp syn flood":
            flows["local_in"][part] += sent
            flows["local_out"][part] += answers
        case "fraggle":
            flows["local_in"][part] += sent
            flows["icmp"][part] += np.round(answers * .2)
        case "ssdp reflection":
            flows["ssdp"][part] += sent
            flows["local_out"][part] += answers * 2
        case "tcp reflection":
            flows["from_cloud"][part] += sent
            flows["to_cloud"][part] += answers
        case "smurf":
            flows["icmp"][part] += sent * 2
            flows["arp"][part] += np.round(sent * .02)


def make(rng, number):
    """Three to four days of one device with three to eight attacks."""
    rows = int(rng.integers(4700, 6200))
    keep, packet, chance, burst = DEVICES[list(DEVICES)[number % len(DEVICES)]]
    scale = rng.uniform(.6, 1.6)
    moved = activity(rng, rows, chance * scale, burst * scale)
    to_cloud = rng.poisson(keep * scale, rows) + moved + beats(rng, rows, rng.choice([5, 15, 60]), 8)
    local = activity(rng, rows, chance * .3, 25)
    flows = {
        "to_cloud": to_cloud.astype(float),
        "from_cloud": np.round(to_cloud * rng.uniform(.5, .9)) + rng.poisson(1, rows),
        "dns": beats(rng, rows, rng.choice([2, 5, 10]), 2) + rng.poisson(.05 + .01 * np.minimum(moved, 40)),
        "ntp": beats(rng, rows, rng.choice([10, 17, 60]), 1), "local_in": local, "local_out": np.round(local * 1.3),
        "ssdp": beats(rng, rows, rng.choice([15, 30]), 6) if rng.random() < .7 else np.zeros(rows),
        "icmp": beats(rng, rows, 60, 4) if rng.random() < .3 else np.zeros(rows),
        "arp": beats(rng, rows, rng.choice([1, 5]), 1) + rng.poisson(.2, rows)}
    for begin in rng.integers(0, rows - 40, rng.integers(0, 4)):  # lost the net, and came back with a rush
        gone = slice(begin, begin + int(rng.integers(2, 20)))
        for counts in flows.values():
            counts[gone] = 0
        flows["dns"][gone.stop] += rng.integers(4, 30)
        flows["to_cloud"][gone.stop] += rng.integers(20, 200)
    for begin in rng.integers(0, rows - 40, rng.integers(0, 3)):  # an update
        flows["from_cloud"][begin:begin + rng.integers(2, 12)] += rng.integers(300, 3000)
    for begin in rng.integers(0, rows - 40, rng.integers(0, 5)):  # a telephone or the router looks who is there
        flows["arp"][begin] += rng.integers(10, 250)
        flows["icmp"][begin] += rng.integers(0, 6)
    windows = []
    lengths = [int(n) for n in rng.integers(8, 13, rng.integers(3, 9))]
    for begin, length in zip(apart(rng, rows, lengths, 800, 90), lengths):
        rate = rng.choice([1, 10, 100], p=[.4, .35, .25])
        strike(rng, flows, rng.choice(ATTACKS), slice(begin, begin + length), rate)
        off = int(rng.integers(-1, 2))
        windows.append((begin + off, begin + off + length - 1))
    columns = {f"{name}_packets": np.round(counts) for name, counts in flows.items()}
    for name in ("to_cloud", "from_cloud"):
        size = packet * np.exp(.15 * rng.normal(0, 1, rows)) * (1 + (columns[f"{name}_packets"] > 3 * keep * scale))
        columns[f"{name}_bytes"] = np.round(columns[f"{name}_packets"] * size)
    return Labelled(columns, windows, 60.0)
