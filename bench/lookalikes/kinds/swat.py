"""Shaped like SWaT, the Secure Water Treatment testbed under attack (Goh et al. 2016, "A dataset to support research
in the design of secure water treatment systems").

Kept: the 51 tags of its six stages, sensors in their units and actuators as 1 (off), 2 (on) and 0 (moving); tanks
that fill and drain in cycles of half an hour, controllers which read what the attacker wrote, backwash by a timer,
slow drift of the chemistry; attacks of minutes to an hour and a half on one or more points, some without any effect;
labels that end with the attack, though the plant needs a while to be as before. A row is ten seconds, as is usual in
papers.
"""
import numpy as np

from labelled import Labelled, Rules

from ._draws import correlated, places

FILES = 20
RULES = Rules(late=40, quiet=90, probation=500)

TAGS = """FIT101 LIT101 MV101 P101 P102 AIT201 AIT202 AIT203 FIT201 MV201 P201 P202 P203 P204 P205 P206 DPIT301 FIT301
LIT301 MV301 MV302 MV303 MV304 P301 P302 AIT401 AIT402 FIT401 LIT401 P401 P402 P403 P404 UV401 AIT501 AIT502 AIT503
AIT504 FIT501 FIT502 FIT503 FIT504 P501 P502 PIT501 PIT502 PIT503 FIT601 P601 P602 P603""".split()
VALVES = ["MV101", "MV201", "MV301", "MV302", "MV303", "MV304"]
# (noise, size of the drift) of each sensor, in the sensor's unit.
SENSORS = {"FIT101": (0.03, 0.02), "LIT101": (0.5, 0), "AIT201": (0.1, 2.5), "AIT202": (0.004, 0.02),
           "AIT203": (0.4, 6), "FIT201": (0.006, 0.01), "DPIT301": (0.06, 0.25), "FIT301": (0.006, 0.01),
           "LIT301": (0.6, 0), "AIT401": (0.0, 0.2), "AIT402": (0.3, 5), "FIT401": (0.003, 0.004), "LIT401": (0.5, 0),
           "AIT501": (0.004, 0.03), "AIT502": (0.3, 5), "AIT503": (0.1, 2), "AIT504": (0.05, 0.4),
           "FIT501": (0.003, 0.003), "FIT502": (0.008, 0.01), "FIT503": (0.002, 0.002), "FIT504": (0.001, 0.001),
           "PIT501": (0.4, 1), "PIT502": (0.05, 0.05), "PIT503": (0.3, 0.8), "FIT601": (0.0, 0.00005)}
# Attacks: what is written to which tags; "hold" keeps what was read as it began, "creep" moves away from it.
ATTACKS = [{"MV101": 2}, {"P102": 2}, {"LIT101": "creep"}, {"LIT101": "hold"}, {"LIT301": "hold"}, {"LIT401": "hold"},
           {"LIT101": 700}, {"LIT301": 1200}, {"LIT401": 1000}, {"AIT202": 6}, {"DPIT301": 45}, {"FIT401": 0.5},
           {"AIT504": 16}, {"MV303": 1}, {"MV304": 1}, {"UV401": 1}, {"P301": 1}, {"LIT301": "creep"}, {"AIT502": 200},
           {"P101": 1}, {"P401": 1}, {"P203": 1, "P205": 1}, {"MV101": 2, "LIT101": 700}, {"P602": 2, "MV302": 2},
           {"LIT401": "creep", "P302": 2}, {"P101": 2, "LIT301": "hold"}, {"MV201": 1, "P101": 2}, {"AIT402": 260}]


class Plant:
    """What is really in the tanks and pipes, and what the controllers do about it."""

    def __init__(self, rng):
        self.tanks = [rng.uniform(520, 800), rng.uniform(820, 990), rng.uniform(820, 990)]
        self.on = {"MV101": False, "P101": True, "P302": True}
        self.since_wash, self.wash_every = int(rng.integers(180)), int(rng.integers(170, 200))
        self.wash, self.pressure, self.acid, self.chlorine = 0, 1.0, 0.0, 0.0
        self.widths = rng.uniform(0.9, 1.1, 3)

    def decide(self, seen: dict[str, float]) -> dict[str, float]:
        """The actuators that the controllers ask for, given the sensors as they read them."""
        for name, tag, low, high in (("MV101", "LIT101", 500, 800), ("P101", "LIT301", 800, 1000),
                                     ("P302", "LIT401", 800, 1000)):
            if seen[tag] <= low or seen[tag] >= high:
                self.on[name] = seen[tag] <= low
        if seen["LIT101"] < 250:
            self.on["P101"] = False
        self.since_wash += 1
        if self.wash == 0 and (self.since_wash > self.wash_every or seen["DPIT301"] > 40):
            self.wash, self.since_wash = 9, 0
        self.wash = max(0, self.wash - 1)
        fill, feed, filtering = self.on["MV101"], self.on["P101"], self.on["P302"] and self.wash == 0
        reverse = seen["FIT401"] > 0.7 and seen["LIT401"] > 250
        asked = {"MV101": fill, "P101": feed, "P102": False, "MV201": feed, "P201": False, "P202": False,
                 "P203": feed and seen["AIT202"] > 7, "P204": False, "P205": feed and seen["AIT203"] < 420,
                 "P206": False, "MV301": self.wash > 5, "MV302": filtering, "MV303": 0 < self.wash <= 5,
                 "MV304": 0 < self.wash <= 3, "P301": False, "P302": filtering, "P401": False, "P402": True,
                 "P403": seen["AIT402"] > 250, "P404": False, "UV401": reverse, "P501": reverse, "P502": False,
                 "P601": False, "P602": self.wash > 5, "P603": False}
        return {tag: 2.0 if on else 1.0 for tag, on in asked.items()}

    def flow(self, run: dict[str, float]) -> dict[str, float]:
        """Ten seconds of water under these actuators; what the sensors would read without noise."""
        open_ = {tag: value == 2 for tag, value in run.items()}
        pumps = open_["P101"] + open_["P102"]
        inflow = 2.55 * open_["MV101"]
        feed = (2.45, 2.45, 2.75)[pumps] * (pumps > 0) * open_["MV201"] * (self.tanks[0] > 120)
        filtered = 2.22 * (open_["P301"] or open_["P302"]) * open_["MV302"] * (self.tanks[1] > 120)
        treated = 1.71 * (open_["P401"] or open_["P402"]) * (self.tanks[2] > 120)
        levels = ((inflow - feed) * 1.9, (feed - filtered) * 2.6, (filtered - treated) * 2.6)
        self.tanks = [min(1225.0, max(110.0, t + d * w)) for t, d, w in zip(self.tanks, levels, self.widths)]
        goal = 1.0 * (treated > 0 and open_["P501"] and open_["UV401"])
        self.pressure += (0.5 if goal < self.pressure else 0.06) * (goal - self.pressure)
        self.acid += 0.02 * ((1 if open_["P203"] or feed == 0 else -3) - self.acid)
        self.chlorine += 0.01 * ((1 if open_["P205"] else -0.6) - self.chlorine)
        p, washing = self.pressure, open_["P602"]
        return {"FIT101": inflow, "LIT101": self.tanks[0], "AIT201": 262.0, "AIT202": 8.4 - 0.05 * self.acid,
                "AIT203": 345 + 25 * self.chlorine, "FIT201": feed, "FIT301": filtered, "LIT301": self.tanks[1],
                "DPIT301": 19.7 if filtered else (9.0 if washing else 2.2), "AIT401": 148.8, "AIT402": 170.0,
                "FIT401": treated, "LIT401": self.tanks[2], "AIT501": 7.85 - 0.2 * (1 - p), "AIT502": 150.0,
                "AIT503": 264 - 20 * (1 - p), "AIT504": 12.2 + 60 * max(0.0, 0.4 - p), "FIT501": 1.72 * p,
                "FIT502": 1.28 * p, "FIT503": 0.735 * p, "FIT504": 0.307 * p, "PIT501": 10 + 241 * p,
                "PIT502": 0.1 + 1.1 * p, "PIT503": 4 + 186 * p, "FIT601": 1.75 * washing}


def written(what: dict, start: dict[str, float], progress: int, pace: float) -> dict[str, float]:
    """The values which the attacker puts in place of the true ones."""
    forged = {}
    for tag, value in what.items():
        forged[tag] = start[tag] + (pace * progress if value == "creep" else 0) if isinstance(value, str) else value
    return forged


def make(rng: np.random.Generator, number: int) -> Labelled:
    rows = int(rng.integers(3800, 4400))
    lengths = np.clip(np.exp(rng.normal(4.2, 0.7, 4 + rng.poisson(2))), 12, 500)
    windows = places(rng, rows, lengths, max(RULES.probation + 50, rows // 7), 100)
    attacks = [ATTACKS[k] for k in rng.choice(len(ATTACKS), len(windows), replace=False)]
    paces = rng.choice([-1, 1], len(windows)) * rng.uniform(0.5, 6, len(windows))
    offsets = {tag: size * correlated(rng, rows, 0.9995) + noise * rng.standard_normal(rows)
               for tag, (noise, size) in SENSORS.items()}
    plant, table = Plant(rng), np.zeros((rows, len(TAGS)))
    true = plant.flow({tag: 1.0 for tag in TAGS if tag not in SENSORS})
    before, current = {}, 0
    for row in range(rows):
        # Where nothing flows, nothing is measured, not even noise.
        seen = {tag: max(0.0, value + offsets[tag][row]) if value else 0.0 for tag, value in true.items()}
        while current < len(windows) and row > windows[current][1]:
            current += 1
        forged = {}
        if current < len(windows) and row >= windows[current][0]:
            if row == windows[current][0]:
                start = dict(seen)
            forged = written(attacks[current], start, row - windows[current][0], paces[current])
        seen |= {tag: value for tag, value in forged.items() if tag in SENSORS}
        run = plant.decide(seen) | {tag: float(value) for tag, value in forged.items() if tag not in SENSORS}
        true = plant.flow(run)
        # A valve reads 0 while it moves, which lasts about as long as a row.
        shown = {tag: 0.0 if tag in VALVES and before.get(tag, value) != value else value for tag, value in run.items()}
        before = run
        table[row] = [(seen | shown)[tag] for tag in TAGS]
    return Labelled({tag: table[:, k] for k, tag in enumerate(TAGS)}, windows, 10.0)
