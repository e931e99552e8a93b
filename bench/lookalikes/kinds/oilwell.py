"""Shaped like 3W (Vargas et al. 2019, Petrobras): sensors of offshore wells that flow by themselves or by gas lift.

Kept: pressures in Pa and temperatures in degrees from the well's bottom to the production choke under the real names,
the opening of the choke and the flow of lift gas; sensors that are frozen or missing all the time, or for a while,
which is normal and often so, readings that an archive holds until they moved enough; operators who move the choke,
change the gas, or shut the well for a while and open it again. Events are those of 3W: BSW (the share of water and
sediment) that rises within hours, the safety valve (DHSV) that closes by itself, severe slugging, instability of the
flow, rapid loss of productivity, restriction of the choke, hydrate that plugs the line. Labels begin where an expert
could see it, in the transient, and go on in the steady state that it leads to, until somebody acts. A row is ten
seconds in place of one, and hours are shortened a little; wells recover, while the real files end."""
import numpy as np

from labelled import Labelled, Rules

from ._draws import lagged, places, smooth, wander

FILES = 24
RULES = Rules(late=60, quiet=180, probation=700)
# How many rows each event lasts, at least and at most, and how often it is the one.
EVENTS = {"bsw": (700, 1500, .15), "dhsv": (90, 350, .2), "slugging": (400, 1000, .17), "instability": (250, 700, .12),
          "productivity": (200, 600, .14), "choke": (150, 500, .11), "hydrate": (250, 800, .11)}


def grown(rng, length, share, back):
    """From 0 to 1 within this share of the rows, steep in the middle, and back to 0 in some rows more."""
    rise = 1 / (1 + np.exp(-np.linspace(-3, 6 / share, length)))
    rise = (rise - rise[0]) / (1 - rise[0])
    return np.concatenate([rise, np.linspace(rise[-1], 0, back)])


def swings(rng, length, slug):
    """Pressure of slugs: slowly up, quickly down, each quarter to half an hour; or a swaying without clock."""
    if not slug:
        return 1.6 * smooth(wander(rng, length, .93), 5) + .8 * np.sin(np.cumsum(rng.uniform(.04, .18, length)))
    phase = np.cumsum(1 / (rng.uniform(90, 190) * np.exp(.12 * wander(rng, length, .98)))) % 1
    return np.where(phase < .75, phase / .75, 1 - (phase - .75) / .25) * 2 - 1


def events_of(rng, windows, kinds, rows):
    """What the events do to the well: head of water, valve, choke, loss of flow into it and of the line, swings."""
    does = {name: np.zeros(rows) for name in ("head", "valve", "choke", "inflow", "line", "swing")}
    for (first, last), kind in zip(windows, kinds):
        length, back = last - first + 1, int(rng.integers(60, 200))

        def add(name, shape, size):
            does[name][first:first + len(shape)] += size * shape[:max(rows - first, 0)]

        if kind == "bsw":
            add("head", grown(rng, length, rng.uniform(.5, .9), back), rng.uniform(14, 34))
        elif kind == "dhsv":
            add("valve", grown(rng, length, rng.uniform(.03, .15), back), rng.choice([3e3, 3e3, 150, 40]))
        elif kind in ("slugging", "instability"):
            shape = swings(rng, length, kind == "slugging")
            shape *= np.minimum(1, np.minimum(np.arange(length) + 20, length - np.arange(length)) / 120)
            add("swing", shape, rng.uniform(5, 14) if kind == "slugging" else rng.uniform(2, 4))
        elif kind == "productivity":
            add("inflow", grown(rng, length, rng.uniform(.15, .5), back), rng.uniform(.5, 2))
        elif kind == "choke":
            add("choke", grown(rng, length, rng.uniform(.03, .3), back), rng.uniform(.25, .6))
        else:
            add("line", grown(rng, length, rng.uniform(.6, 1.2), back) ** 2, rng.choice([60, 400, 3000]))
    return does


def operations(rng, rows, windows):
    """The choke's opening and the lift gas as operators set them; nobody touches either during an event."""
    opening, gas = np.full(rows, rng.uniform(.45, .85)), np.full(rows, rng.choice([0, 1]) * rng.uniform(.7, 1.3))

    def free(begin, length):
        return all(begin + length + 250 < first or begin > last + 250 for first, last in windows)

    for begin in rng.integers(50, rows - 50, rng.poisson(4)):
        if free(begin, 0):
            ramp = int(rng.integers(1, 30))
            change = rng.uniform(.88, 1.12)
            # The next event is met as this leaves the well: it stays so.
            opening[begin:] *= np.concatenate([np.linspace(1, change, ramp), np.full(rows, change)])[:rows - begin]
    for begin in rng.integers(50, rows - 50, rng.poisson(1.5)):
        if free(begin, 0):
            gas[begin:] *= rng.uniform(.75, 1.3)
    if rng.random() < .35:
        begin, length = int(rng.integers(100, rows - 600)), int(rng.integers(40, 160))
        if free(begin, length + 200):
            opening[begin:begin + length] *= .02
            opening[begin + length:begin + length + 60] *= np.linspace(.1, 1, 60)
    return np.clip(opening, .005, 1), gas


def archived(values, band):
    """What an archive kept: a reading stays until it moved by more than this."""
    held, kept = float(values[0]), []
    for value in values.tolist():
        held = value if abs(value - held) > band else held
        kept.append(held)
    return np.array(kept)


def make(rng: np.random.Generator, number: int) -> Labelled:
    rows = int(rng.integers(5600, 6600))
    chances = np.array([event[2] for event in EVENTS.values()])
    wanted = rng.choice(list(EVENTS), rng.integers(1, 4), p=chances / chances.sum())
    lengths = [int(rng.integers(*EVENTS[kind][:2])) for kind in wanted]
    windows = places(rng, rows - 150, lengths, 900, 450)
    # `places` shuffles: the length tells which event it is.
    kinds = [str(wanted[lengths.index(last - first + 1)]) for first, last in windows]
    does = events_of(rng, windows, kinds, rows)
    opening, gas = operations(rng, rows, windows)
    labels = []
    for (first, last), kind in zip(windows, kinds):
        # What grows slowly can't be seen at first: the label begins when a twentieth of it is there.
        part = next((v[first:last + 1] for n, v in does.items() if n != "swing" and v[first:last + 1].any()), None)
        begin = first if part is None else first + int(np.argmax(part > .05 * part.max()))
        labels.append((begin, last))

    # Pressures in bar. Flow 1 is the usual one; it follows from the balance of losses: each is of q or q squared.
    reservoir, sep = rng.uniform(290, 350), 10 + 1.2 * wander(rng, rows, .998)
    head = rng.uniform(118, 140) - 7 * gas + does["head"] + .8 * wander(rng, rows, .999)
    riser, inflow = rng.uniform(35, 55), rng.uniform(45, 75) * (1 + does["inflow"])
    at_choke = (.6 / (opening * (1 - does["choke"]))) ** 2 * rng.uniform(38, 60)
    tubing, line = rng.uniform(10, 20), rng.uniform(6, 14) + does["line"]
    squared = tubing + does["valve"] + line + at_choke
    drive = np.maximum(reservoir - head - riser - sep, 2)
    flow = (np.sqrt(inflow ** 2 + 4 * squared * drive) - inflow) / (2 * squared)
    flow = lagged(flow, .93)
    calm = rng.uniform(.15, .6)
    sway = does["swing"] + calm * wander(rng, rows, .9) + calm * np.sin(np.cumsum(rng.uniform(.02, .3, rows)))
    before_choke = sep + at_choke * flow ** 2 + sway
    tree = lagged(before_choke + riser + line * flow ** 2, .9) + .35 * smooth(sway, 15)
    bottom = lagged(reservoir - inflow * flow, .96) + .2 * smooth(sway, 31)
    hot, sea = rng.uniform(90, 118), rng.uniform(4, 8)
    warmth = 1 - .13 / (.1 + flow) + .0008 * does["head"]
    at_tree = lagged(sea + (hot - sea) * warmth, .985) + .04 * np.roll(sway, 20)
    behind = lagged(sea + (hot - sea) * (1 - .3 / (.3 + flow)), .98) - .03 * (before_choke - before_choke.mean())
    lift = gas * (1 + .015 * wander(rng, rows, .9) + .01 * rng.standard_normal(rows))
    day = np.sin(2 * np.pi * (np.arange(rows) / 8640 + rng.random()))

    def rough(size):
        return size * rng.standard_normal(rows)

    columns = {"P-PDG": 1e5 * (bottom + rough(.03)), "P-TPT": 1e5 * (tree + rough(.05)), "T-TPT": at_tree + rough(.02),
               "P-MON-CKP": 1e5 * (before_choke + rough(.12)), "T-JUS-CKP": behind + .3 * day + rough(.05),
               "P-JUS-CKP": 1e5 * (sep + .5 * flow + rough(.06)),
               "P-JUS-CKGL": 1e5 * (95 + 22 * lift + .15 * (tree - tree.mean()) + rough(.2)), "QGL": 1.6 * lift,
               "ABER-CKP": np.round(100 * opening, 1)}
    bands = {"P-PDG": 3e3, "P-TPT": 6e3, "T-TPT": .03, "P-MON-CKP": 1.5e4, "T-JUS-CKP": .08, "P-JUS-CKP": 8e3,
             "P-JUS-CKGL": 2e4, "QGL": .02, "ABER-CKP": 0}
    for name in columns:
        columns[name] = archived(columns[name], bands[name] * rng.choice([0, 1, 2]))
    # Sensors that died long ago; those of the tree and the choke are looked after.
    for name, frozen, missing in ("P-PDG", .25, .12), ("P-JUS-CKGL", .3, .25), ("P-JUS-CKP", .1, .2), ("QGL", 0, .1):
        luck = rng.random()
        if luck < frozen + missing:
            columns[name] = np.full(rows, np.nan if luck < missing else columns[name][0])
    for name in rng.choice(list(columns), rng.poisson(3)):
        # And those that stop for a while; an event that they'd hide is seen by others.
        begin, length = int(rng.integers(rows)), int(np.exp(rng.normal(3.8, .9)))
        columns[name][begin:begin + length] = np.nan if rng.random() < .4 else columns[name][begin]
    return Labelled(columns, labels, 10.0)
