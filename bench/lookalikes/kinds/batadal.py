"""Shaped like BATADAL, the battle of the attack detection algorithms (Taormina et al. 2018): C-Town's water network.

Kept: the 43 columns of its hourly SCADA under the real names: seven tanks, eleven pumps in five stations and a valve
with flows and states, pressures on both sides of the stations; pumps that start and stop by the levels of tanks,
spare pumps that are hardly ever on, demand by hour, day of the week and season, so clean as a simulation is. Normal,
too: holidays, a fire, and stations whose lead pump is in service, so that its spare runs. Attacks last half a day to
a week: a level that a controller reads wrongly, thresholds moved, pumps forced on or off; about half of them are
concealed, in that what the SCADA shows of tank or pumps is replayed from days before, while flows and pressures
elsewhere go on to tell. A label begins where the attack first changes anything that is shown, and ends with the
attack, though tanks need a while to be as before. Shortened: 20 weeks in place of 6 months."""
import numpy as np

from labelled import Labelled, Rules

from ._draws import places, wander

FILES = 24
RULES = Rules(late=24, quiet=96, probation=500)
STEPS = 4  # of the simulation in an hour
# Tank: area in m2, depth, mean demand of its zone in l/s.
TANKS = {"T1": (420, 6.5, 48), "T2": (330, 5.9, 14), "T3": (130, 6.75, 15), "T4": (150, 4.7, 19), "T5": (90, 4.5, 12),
         "T6": (260, 5.5, 3), "T7": (85, 5, 11)}
# Station: the tank that rules it, that it takes from, its pumps, l/s of one, and levels: lead starts and stops, spare
# starts; the valve is as a pump without one. Then gauges before and behind, with metres at rest and gained by a pump.
STATIONS = {"S1": ("T1", None, ("PU1", "PU2", "PU3"), 96, (4.6, 6.3, 3.6), ("J280", 2.5, -.4), ("J269", 26, 3.3)),
            "S2": ("T3", "T2", ("PU4", "PU5"), 33, (3.0, 5.3, 1.0), ("J300", 28, -1.6), ("J256", 72, 14)),
            "S3": ("T4", "T1", ("PU7", "PU6"), 42, (2.5, 4.5, 1.6), ("J289", 29, -1.5), ("J415", 86, 9)),
            "S4": ("T5", "T1", ("PU8", "PU9"), 33, (1.7, 4.2, 1.2), ("J302", 23, -2.2), ("J306", 79, 6)),
            "S5": ("T7", "T1", ("PU10", "PU11"), 29, (2.2, 4.7, 1.1), ("J307", 22, -1.3), ("J317", 68, 20)),
            "V2": ("T2", "T1", ("V2",), 78, (1.8, 5.5, 0), ("J14", 34, -4), ("J422", 26, 5))}
HOURS = np.array([.45, .4, .38, .4, .55, .85, 1.25, 1.5, 1.4, 1.2, 1.1, 1.1, 1.15, 1.1, 1, 1, 1.1, 1.3, 1.45, 1.4, 1.2,
                  1, .8, .6])


def demand(rng, rows):
    """What each zone draws in each hour, in l/s."""
    hour = np.arange(rows) + int(rng.integers(168))
    mean = np.array([tank[2] for tank in TANKS.values()]) * rng.uniform(.85, 1.15, len(TANKS))
    day = hour // 24
    weekend = np.where(day % 7 >= 5, rng.uniform(.9, 1.1), 1)
    late = np.where((day % 7 >= 5) | (rng.random(day[-1] + 1) < .02)[day], 2, 0)  # holidays are late in the morning
    season = 1 + rng.uniform(.05, .2) * np.sin(2 * np.pi * (hour / 8760 + rng.random()))
    common = HOURS[(hour - late) % 24] * weekend * season * np.exp(.05 * wander(rng, rows, .97))
    drawn = common[:, None] * mean * np.exp(.06 * rng.standard_normal((rows, len(TANKS))))
    for begin in rng.integers(0, rows, rng.poisson(2)):
        drawn[begin:begin + rng.integers(2, 5), rng.integers(len(TANKS))] += rng.uniform(8, 20)
    return drawn


def drawn_attacks(rng, windows):
    """What is done in each window: to which station, how, and which of its readings are replayed from which day."""
    made = []
    for first, last in windows:
        station = str(rng.choice(list(STATIONS)))
        form = str(rng.choice(["level low", "level high", "thresholds", "on", "off"], p=[.25, .2, .2, .2, .15]))
        hidden = str(rng.choice(["", "tank", "pumps", "both"], p=[.45, .25, .15, .15]))
        if form in ("level low", "level high") and hidden == "pumps":
            hidden = "tank"
        made.append((first, last, station, form, hidden, 24 * int(rng.integers(2, 8)), rng.uniform(.8, 1.5)))
    return made


def run(drawn, noise, service, begin, attacks):
    """The network hour by hour under these attacks; a column of readings for each name. Draws nothing itself, so that
    two runs differ by the attacks alone."""
    level = dict(zip(TANKS, begin))
    on = {name: 0 for name in STATIONS}
    kept = []
    for row, zones in enumerate(drawn.tolist()):
        now = {a[2]: a for a in attacks if a[0] <= row <= a[1]}
        ease, read = noise[row].tolist(), {}
        for _ in range(STEPS):
            inflow, outflow = dict.fromkeys(TANKS, 0.0), dict(zip(TANKS, zones))
            flows = {}
            for name, (tank, source, pumps, rate, (low, high, spare), _, _) in STATIONS.items():
                _, _, _, form, _, _, much = now.get(name, (0, 0, "", "", "", 0, 0))
                seen = {"level low": low - .3, "level high": high + .2}.get(form, level[tank])
                if form == "thresholds":
                    # Narrowed, so that pumps start and stop all the time, and never fill the tank.
                    low, high, spare = low - .5 * much, low - .1 * much, spare - .4 * much
                if seen <= low or seen >= high:
                    on[name] = int(seen <= low)
                if seen <= spare and len(pumps) > 1:
                    on[name] = 2
                count = {"on": min(2, len(pumps)), "off": 0}.get(form, on[name])
                if name == "S1" and form != "off":
                    count += count == 0  # the first pump of the source is on nearly always
                    count = 2 if on[name] else count
                # Against a full tank pumps give less; from an empty one nothing.
                flow = rate * count * (1 - .12 * (count - 1)) * (1.06 - .02 * level[tank])
                if source:
                    flow *= min(1.0, level[source] / .3)
                    outflow[source] += flow
                inflow[tank] += flow
                flows[name] = (count, flow)
            swing = 9 * (level["T5"] + 2.2 - level["T6"])  # floats, by the line to its neighbour
            inflow["T6"] += swing
            outflow["T5"] += swing
            for tank, (area, depth, _) in TANKS.items():
                level[tank] = min(depth, max(0.0, level[tank] + (inflow[tank] - outflow[tank]) * 3.6 / area / STEPS))
        for tank in TANKS:
            read[f"L_{tank}"] = level[tank]
        for place, (name, (_, source, pumps, rate, _, before, behind)) in enumerate(STATIONS.items()):
            count, flow = flows[name]
            # In service the lead rests, and the next one does its work.
            order = pumps[1:] + pumps[:1] if service[row, place] and len(pumps) > 1 else pumps
            for turn, pump in enumerate(order):
                running = turn < count
                read[f"F_{pump}"] = (flow / count * (1 + .006 * ease[place])) if running else 0.0
                read[f"S_{pump}"] = float(running)
            share, head = flow / rate, .8 * level[source] if source else 0.0
            calm = 1 - .006 * sum(zones) / 10
            read[f"P_{before[0]}"] = (before[1] + head + before[2] * share) * calm + .05 * ease[6 + place]
            read[f"P_{behind[0]}"] = (behind[1] + .8 * level[STATIONS[name][0]] + behind[2] * share) * calm \
                + .08 * ease[12 + place]
        for _, _, name, _, hidden, back, _ in now.values():
            tank, pumps = STATIONS[name][0], STATIONS[name][2]
            names = [f"L_{tank}"] * (hidden in ("tank", "both"))
            names += [f"{f}_{pump}" for pump in pumps for f in "FS" if hidden in ("pumps", "both")]
            read |= {column: kept[row - back][column] for column in names}
        kept.append(read)
    return {name: np.array([read[name] for read in kept]) for name in kept[0]}


def make(rng: np.random.Generator, number: int) -> Labelled:
    rows = int(rng.integers(3100, 3450))
    lengths = np.clip(np.exp(rng.normal(4, .6, 3 + rng.poisson(1))), 14, 190)
    attacks = drawn_attacks(rng, places(rng, rows, lengths, 620, 120))
    service = np.zeros((rows, len(STATIONS)), bool)
    for place in rng.integers(0, len(STATIONS), rng.poisson(3)):
        begin = int(rng.integers(rows))
        service[begin:begin + rng.integers(24, 300), place] = True
    begin = [rng.uniform(.5, .8) * depth for _, depth, _ in TANKS.values()]
    what = demand(rng, rows), rng.standard_normal((rows, 18)), service, begin
    columns, windows = run(*what, attacks), []
    for place, (first, last, *_) in enumerate(attacks):
        # Beside this attack all is the same in both runs: what differs is its doing.
        without = run(*(part[:last + 1] for part in what[:3]), begin, attacks[:place])
        differs = np.any([np.abs(columns[name][first:last + 1] - without[name][first:]) > .02 * np.ptp(columns[name])
                          for name in columns if np.ptp(columns[name])], axis=0)
        if differs.any():
            windows.append((first + int(np.argmax(differs)), last))
    order = [f"L_{tank}" for tank in TANKS]
    order += [f"{f}_PU{k}" for k in range(1, 12) for f in "FS"] + ["F_V2", "S_V2"]
    order += [name for name in columns if name.startswith("P_")]
    return Labelled({name: np.round(columns[name], 2) for name in order}, windows, 3600.0)
