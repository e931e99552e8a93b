"""Shaped like HAI (Shin, Lee, Yun, Kim 2020), "HIL-based augmented ICS security dataset": a testbed of three real
processes, boiler, turbine and water treatment, that a simulated power grid joins.

Kept: one row a second, and 42 of its columns under the real names: for each control loop the set point, the reading,
what the controller asks of the valve (D) and where the valve is (Z); water that is pumped up and let down between two
levels, and the grid's load, generation and frequency. Normal, too: an operator (a program, in the testbed) who moves
set points at any time, load of the grid that steps, readings that the loops disturb in each other, spikes of
vibration, stiff valves. An attack takes one loop, or two at once, and forges its set point, its controller's output
or its reading for one to nine minutes, at once or as a trapezoid, in half of the cases with what it forges shown to
the operator as it was before. The plant needs a while afterwards, which is not labelled. Shortened: under an hour with
three or four attacks, in place of days; columns that never change are left out but one."""
import numpy as np

from labelled import Labelled, Rules

from ._draws import places, wander

FILES = 24
RULES = Rules(late=40, quiet=120, probation=500)
# Loop: names of set point, reading, output and valve; the usual reading, its units for all of the valve's way, the
# seconds in which the process follows, noise of the reading, gains of the controller (per unit of a full way, and
# per second), and the spread of the set points that the operator chooses.
LOOPS = {"PC": ("P1_B2016", "P1_PIT01", "P1_PCV01D", "P1_PCV01Z", 1.25, 1.9, 9, .004, .5, .05, .09),
         "LC": ("P1_B3004", "P1_LIT01", "P1_LCV01D", "P1_LCV01Z", 400, 650, 90, 1.1, 2.2, .03, 22),
         "FC": ("P1_B3005", "P1_FT03", "P1_FCV03D", "P1_FCV03Z", 1050, 900, 5, 4.5, .3, .06, 55),
         "TC": ("P1_B4022", "P1_TIT01", "P1_FCV01D", "P1_FCV01Z", 35.5, 14, 60, .03, 1.8, .03, .5),
         "SC": ("P2_AutoSD", "P2_SIT01", "P2_SCO", "P2_SCST", 780, 820, 7, 1.6, .4, .05, 0)}
COUPLING = np.array([[0, .05, .12, .02, .06], [.04, 0, -.18, 0, 0], [.1, .04, 0, 0, 0], [0, .03, -.1, 0, 0],
                     [.08, 0, .03, .02, 0]])  # how a valve's way (column) shows in the reading of a loop (row)
SP, PV, CO = range(3)


def set_points(rng, rows):
    """What the operator wants of each loop, in units of the whole way: held for some minutes, then moved by a ramp."""
    wanted = np.zeros((rows, len(LOOPS)))
    for loop, (*_, way, _, _, _, _, spread) in enumerate(LOOPS.values()):
        row, value = 0, spread / way * rng.normal()
        while row < rows:
            end = row + int(rng.integers(200, 900))
            wanted[row:end, loop] = value
            new, ramp = spread / way * rng.normal(), int(rng.integers(1, 40))
            wanted[end:end + ramp, loop] = np.linspace(value, new, ramp)[:max(rows - end, 0)]
            row, value = end + ramp, new
    return wanted


def forged_parts(rng, windows, rows):
    """What attackers add to set point, reading and output of each loop, and which of these they hide."""
    added, hidden = np.zeros((rows, len(LOOPS), 3)), np.zeros((rows, len(LOOPS), 3), bool)
    held = np.zeros((rows, len(LOOPS)), bool)
    for first, last in windows:
        for loop in rng.choice(len(LOOPS), 1 + (rng.random() < .25), replace=False):
            part, length = int(rng.choice([SP, PV, CO], p=[.4, .3, .3])), last - first + 1
            at = np.linspace(0, 1, length)
            shape = np.ones(length) if rng.random() < .5 else np.minimum(1, 6 * np.minimum(at + .03, 1.03 - at))
            size = rng.choice([-1, 1]) * (rng.uniform(.08, .3) if part == CO else rng.uniform(.03, .14))
            added[first:last + 1, loop, part] = size * shape
            held[first:last + 1, loop] = part == CO
            # Hidden together with it may be what would give it away first: the reading.
            hidden[first:last + 1, loop, part] = rng.random() < .5
            hidden[first:last + 1, loop, PV] |= part != PV and rng.random() < .2
    return added, hidden, held


def run(rng, wanted, load, added, held):
    """The loops under control, in shares of the way: what stands as set point, reading, output, and the valve."""
    rows, loops = wanted.shape
    follow, noise, much, often = (np.array([loop[k] for loop in LOOPS.values()]) for k in (6, 7, 8, 9))
    noise = noise / np.array([loop[5] for loop in LOOPS.values()])
    rough = rng.standard_normal((rows, loops)) * noise
    drift = wander(rng, (rows, loops), .995, .015)
    stiff = rng.uniform(.0005, .004, loops)
    true, total, valve, start = np.zeros(loops), np.zeros(loops), np.zeros(loops), np.zeros(loops)
    out = np.zeros((rows, loops, 4))
    for row in range(rows):
        begins = held[row] & ~held[row - 1] if row else held[row]
        read = true + rough[row] + added[row, :, PV]
        error = wanted[row] + added[row, :, SP] - read
        total = np.clip(total + often * error, -.5, .5)
        asked = np.clip(total + much * error, -.5, .5)
        start = np.where(begins, asked, start)
        # The output forged stands at what it was as the attack began, and the attacker's share beside it.
        asked = np.where(held[row], np.clip(start + added[row, :, CO], -.5, .5), asked)
        valve = np.where(np.abs(asked - valve) > stiff, valve + .45 * (asked - valve), valve)
        goal = valve + COUPLING @ valve + drift[row] + load[row]
        true = true + (goal - true) / follow
        out[row] = np.stack([wanted[row] + added[row, :, SP], read, asked, valve], 1)
    return out


def water(rng, rows, open_):
    """Treatment: a pump lifts water and a valve lets it down again, between two levels; level, pump, valve, flow."""
    level, lifting, kept = rng.uniform(8, 18), True, []
    low, high, up, down = 6.5, rng.uniform(17, 20), rng.uniform(.06, .09), rng.uniform(.05, .08)
    rough = rng.standard_normal((rows, 4))
    for row in range(rows):
        lifting = level < low or (lifting and level < high)
        pump, valve = (82.0, 0.0) if lifting else (0.0, 72.0)
        valve += open_[row]
        flow = up * (pump > 0) * (1.25 - level / 60)
        level = max(level + flow - down * valve / 72 * (level / 15) ** .5 + .004 * rough[row, 0], 1)
        kept.append((level + .04 * rough[row, 1], pump, valve, 9000 * flow + 5 * rough[row, 2],
                     1.1 + 2.2 * (pump > 0) + .02 * rough[row, 3]))
    return np.array(kept).T


def make(rng: np.random.Generator, number: int) -> Labelled:
    rows = int(rng.integers(3050, 3500))
    windows = places(rng, rows, np.clip(np.exp(rng.normal(5, .6, rng.integers(3, 5))), 50, 540), 650, 200)
    # Some attacks are on the treatment's valve, which is left open a little; all others on the loops.
    leaks = [rng.random() < .12 for _ in windows]
    open_ = np.zeros(rows)
    for (first, last), leak in zip(windows, leaks):
        open_[first:last + 1] = leak * rng.uniform(12, 40)
    added, hidden, held = forged_parts(rng, [w for w, leak in zip(windows, leaks) if not leak], rows)
    # The grid asks for more or less of the turbine: steps of minutes, and noise.
    asked = 420 + 22 * np.repeat(rng.standard_normal(rows // 150 + 1), 150)[:rows] + 3 * wander(rng, rows, .9)
    load = (asked[:, None] - 420) / 420 * np.array([-.06, 0, .04, -.02, -.12])
    loops = run(rng, set_points(rng, rows), load, added, held)
    columns = {}
    for loop, (sp, pv, co, z, usual, way, *_) in enumerate(LOOPS.values()):
        shown = loops[:, loop].copy()
        for part, column in (SP, 0), (PV, 1), (CO, 2):
            # Shown in place of what is forged: the minutes before, again and again.
            for row in np.flatnonzero(hidden[:, loop, part]):
                shown[row, column] = shown[row - 60, column] if column else shown[row - 1, column]
        columns[sp] = np.round(usual + way * shown[:, 0], 4)
        columns[pv] = np.round(usual + way * shown[:, 1], 4)
        columns[co] = np.round(50 + 100 * shown[:, 2], 3)
        columns[z] = np.round(50 + 99.2 * shown[:, 3] + .06 * rng.standard_normal(rows), 2)
    true, rough = loops[:, :, 3], rng.standard_normal((rows, 16))
    pressure, speed = loops[:, 0, 1], loops[:, 4, 1]
    spikes = (rng.random((rows, 4)) < .0015) * rng.exponential(3, (rows, 4))
    level, pump, drain, flow, head = water(rng, rows, open_)
    frequency = 60 + .012 * wander(rng, rows, .97) - .0006 * np.diff(asked, prepend=asked[0])
    hydro = .12 * asked + 9 * wander(rng, rows, .995)
    columns |= {
        "P1_PIT02": .25 + .35 * pressure + .008 * rough[:, 0], "P1_PCV02D": np.full(rows, 12.0),
        "P1_FT01": 200 + 90 * true[:, 1] + 60 * true[:, 2] + 2.5 * rough[:, 1],
        "P1_FT02": 960 + 400 * true[:, 3] + 6 * rough[:, 2],
        "P1_TIT02": 36.8 + 5 * true[:, 3] + .3 * wander(rng, rows, .998) + .03 * rough[:, 3],
        "P2_VT01": 11.9 + 2 * speed + .1 * rough[:, 4],
        **{f"P2_V{axis}": centre + .9 * speed + .25 * wander(rng, rows, .99) + .18 * rough[:, 5 + k] + spikes[:, k]
           for k, (axis, centre) in enumerate({"XT02": -3.1, "YT02": 3.8, "XT03": -1.6, "YT03": 6.2}.items())},
        "P3_LT01": level, "P3_LCP01D": pump, "P3_LCV01D": drain, "P3_FIT01": np.maximum(flow, 0), "P3_PIT01": head,
        "P4_LD": asked + 1.2 * rough[:, 9], "P4_ST_PO": asked - hydro + 60 * speed + 1.5 * rough[:, 10],
        "P4_ST_LD": asked - hydro + .8 * rough[:, 11], "P4_HT_PO": hydro + .8 * rough[:, 12],
        "P4_ST_FD": 1e3 * (frequency - 60) + .6 * rough[:, 13], "P4_ST_PT01": 10050 + 900 * pressure + 8 * rough[:, 14],
        "P4_ST_TT01": 27600 + 260 * true[:, 3] + 6 * rough[:, 15]}
    # PCV02 stands still all the time, as some valves of the real log do; it tells nothing, but is there.
    return Labelled({name: np.round(values, 4) for name, values in columns.items()}, windows, 1.0)
