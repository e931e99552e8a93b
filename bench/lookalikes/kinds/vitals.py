"""Shaped like the numerics of bedside monitors in intensive care, as MIMIC (Johnson et al. 2016) keeps them.

Kept: heart rate, the three blood pressures, saturation, respiration and temperature each minute, in whole numbers; an
arterial line, or a cuff that measures each quarter of an hour to an hour and holds its reading in between; days and
nights, care and turning that stir a patient up, drugs that are changed, wakefulness, each patient with usual values of
their own, some in atrial fibrillation or on a ventilator with a fixed rate all the time. Artefacts of a few minutes
are normal and frequent: a finger probe off or cold, a line that is flushed or from which blood is drawn, leads off,
respiration counted wrongly while the patient moves, hours outside of the ward. Events: desaturation, apnoea,
hypotension, tachycardia at a stroke, bradycardia, hypertension, the onset of sepsis over hours, and what a nurse would
have to put right: a damped line or a temperature probe that slipped, for longer. A label begins when a tenth of a
change is there, and ends when it begins to be treated; how a patient recovers is not labelled."""
import numpy as np

from labelled import Labelled, Rules

from ._draws import lagged, places, wander

FILES = 24
RULES = Rules(late=30, quiet=90, probation=720)
NAMES = ["HR", "SBP", "DBP", "MAP", "SpO2", "RR", "Temp"]
# Events: how often, minutes at least and at most, minutes of onset and of recovery, and what they do to the heart
# (beats), the mean pressure (mmHg), the saturation (%), the respiration (breaths) and the temperature (degrees).
EVENTS = {"desaturation": (.2, 8, 90, 5, 8, (9, 3, -12, 7, 0)), "apnoea": (.08, 5, 20, 2, 4, (-6, 0, -9, -13, 0)),
          "hypotension": (.18, 15, 180, 12, 25, (15, -26, -.5, 3, 0)),
          "tachycardia": (.16, 15, 300, 1, 3, (52, -9, -.5, 3, 0)),
          "bradycardia": (.1, 6, 60, 1, 4, (-34, -13, -1, 0, 0)),
          "hypertension": (.08, 20, 150, 10, 30, (8, 34, 0, 2, 0)),
          "sepsis": (.12, 300, 800, 260, 200, (30, -15, -2.5, 9, 1.9)),
          "damped": (.05, 25, 120, 3, 1, (0, 0, 0, 0, 0)), "slipped": (.03, 60, 240, 20, 12, (0, 0, 0, 0, -4))}


def course(length, onset, back):
    """From 0 to 1 within the onset, and back to 0 behind the length."""
    onset = min(onset, length)
    up = np.linspace(0, 1, onset + 1)[1:]
    return np.concatenate([up * up * (3 - 2 * up), np.ones(length - onset), np.linspace(1, 0, back + 1)[1:]])


def happenings(rng, rows, line):
    """What the events of a patient do, minute by minute and by vital sign, and their labels."""
    names = list(EVENTS)
    chances = np.array([event[0] for event in EVENTS.values()])
    wanted = [str(n) for n in rng.choice(names, 2 + rng.poisson(1.5), p=chances / chances.sum())]
    if not line:
        wanted = ["slipped" if name == "damped" else name for name in wanted]
    # A cuff would miss what is over before it measures again, or nearly so.
    least = {"hypotension": 75 * (not line), "hypertension": 75 * (not line)}
    lengths = {max(int(np.exp(rng.uniform(*np.log(EVENTS[name][1:3])))), least.get(name, 0)): name for name in wanted}
    change, damped, windows = np.zeros((rows, 5)), np.zeros(rows), []
    for first, last in places(rng, rows - 250, list(lengths), 800, 260):
        name, length = lengths[last - first + 1], last - first + 1
        *_, onset, back, sizes = EVENTS[name]
        shape = course(length, onset, back)
        span = slice(first, first + len(shape))
        sizes = np.array(sizes) * rng.uniform(.7, 1.25) * rng.uniform(.8, 1.2, 5)
        if name == "sepsis" and rng.random() < .15:
            sizes[4] *= -.7  # cold instead of hot, with a worse outlook
        change[span] += shape[:, None] * sizes
        if name in ("tachycardia", "desaturation"):
            change[span, 0] += shape * rng.uniform(2, 9) * rng.standard_normal(len(shape))
        if name == "apnoea":
            # The blood has some oxygen left: saturation follows.
            change[span, 2] = lagged(change[span, 2], .75)
        damped[span] += shape * (name == "damped") * rng.uniform(.45, .75)
        windows.append((first + int(np.argmax(shape > .1)), last))
    return change, damped, windows


def stirred(rng, rows, day):
    """How much the patient is stirred up: by care each few hours, turning, visits; more by day."""
    value = np.zeros(rows)
    for begin in np.flatnonzero(rng.random(rows) < .006 * (.4 + day)):
        length = int(rng.integers(4, 35))
        part = value[begin:begin + length]
        part += rng.gamma(2, .5) * np.sin(np.linspace(0, np.pi, length))[:len(part)]
    return value


def artefacts(rng, columns, rows, moving, line):
    """What probes do wrong for some minutes; it is normal and never labelled."""
    def some(often, shortest, longest):
        for begin in np.flatnonzero(rng.random(rows) < often):
            yield slice(begin, begin + int(rng.integers(shortest, longest + 1)))

    for span in some(.0035, 1, 4):  # the finger probe
        columns["SpO2"][span] = rng.choice([np.nan, columns["SpO2"][span.start] - rng.uniform(5, 25)])
    for span in some(.0012, 1, 3):  # leads
        columns["HR"][span] = rng.choice([np.nan, 0, 1.9 * columns["HR"][span.start]])
    for span in some(.0015 * line, 1, 3):
        # Flushed, or shut off while blood is drawn: all three read the pressure of the bag, or nearly nothing.
        shown = rng.choice([240, 285, 5])
        for name in "SBP", "DBP", "MAP":
            columns[name][span] = shown + rng.uniform(-4, 4)
    restless = (moving > .8) & (rng.random(rows) < .12)
    columns["RR"][restless] += rng.uniform(6, 22, restless.sum())
    for span in some(.0006, 2, 12):
        columns["RR"][span] = rng.choice([0, np.nan])
    for span in some(.00012, 20, 90):  # away, for a picture or an operation
        for name in NAMES:
            columns[name][span] = np.nan


def make(rng: np.random.Generator, number: int) -> Labelled:
    rows = int(rng.integers(5600, 6500))
    fibrillation, ventilated, line = rng.random() < .15, rng.random() < .3, rng.random() < .65
    change, damped, windows = happenings(rng, rows, line)
    day = .5 + .5 * np.sin(2 * np.pi * (np.arange(rows) / 1440 + rng.random()))
    moving = stirred(rng, rows, day)
    # Drugs, at any time: the pressure or the heart is set to something else, and stays so.
    set_to = np.zeros((rows, 2))
    for begin in rng.integers(0, rows, rng.poisson(5)):
        if all(begin < first - 60 or begin > last + 60 for first, last in windows):
            set_to[begin:, rng.integers(2)] += rng.normal(0, 5)
    set_to = np.stack([lagged(part, .93) for part in set_to.T], 1)
    slow = wander(rng, (rows, 5), .994)
    quick = wander(rng, (rows, 5), .6)
    heart = rng.uniform(64, 98) + 4 * day + 4 * slow[:, 0] + 9 * moving + set_to[:, 0] + change[:, 0]
    heart += (7 if fibrillation else 1.6) * quick[:, 0]
    mean = rng.uniform(70, 96) + 3 * day + 4 * slow[:, 1] + 2.2 * quick[:, 1] + 7 * moving + set_to[:, 1] + change[:, 1]
    # Vessels answer to the heart a little; the pulse is smaller when it beats fast.
    pulse = (rng.uniform(42, 68) + 3 * slow[:, 2] + 1.5 * quick[:, 2] + 3 * moving - .22 * (heart - heart.mean())
             + .35 * (mean - mean.mean()))
    pulse = np.maximum(pulse, 14) * (1 - damped)
    breaths = (rng.uniform(13, 21) + 1.5 * day + 1.6 * slow[:, 3] + 1.4 * quick[:, 3] + 3.5 * moving + change[:, 3])
    if ventilated:
        # The machine sets the pace; the patient adds a breath when stirred up or ill.
        breaths = rng.choice([14, 16, 18]) + np.maximum(breaths - breaths.mean() - 3, 0) + np.minimum(change[:, 3], 0)
    rest = rng.uniform(94.5, 98.5)
    oxygen = rest + .7 * slow[:, 4] + .5 * quick[:, 4] - .8 * moving + change[:, 2]
    warmth = rng.uniform(36.6, 37.4) + .25 * np.roll(day, 120) + .15 * wander(rng, rows, .998) + change[:, 4]
    columns = {"HR": np.maximum(heart, 22), "SBP": mean + .64 * pulse, "DBP": mean - .36 * pulse, "MAP": mean,
               "SpO2": np.clip(oxygen, 45, 100), "RR": np.maximum(breaths, 0), "Temp": warmth}
    if not line:
        every = int(rng.choice([15, 30, 60]))
        taken = np.maximum(np.arange(rows) // every * every - int(rng.integers(0, 5)), 0)
        for name in "SBP", "DBP", "MAP":
            columns[name] = (columns[name] + rng.normal(0, 2, rows))[taken]
    artefacts(rng, columns, rows, moving, line)
    return Labelled({name: np.round(columns[name], int(name == "Temp")) for name in NAMES}, windows, 60.0)
