"""Heart recordings, shaped like the MIT-BIH Arrhythmia Database (Moody and Mark) and the MIT-BIH Supraventricular
Arrhythmia Database (Greenwald), as anomaly benchmarks such as TSB-UAD (Paparrizos et al.) use them.

Kept: 360 Hz with one lead or 128 Hz with two leads, millivolts in the steps of the converter, a rhythm that no clock
keeps, breathing, wandering baselines, mains hum, bursts of muscle and electrode noise that are NOT labelled, patients
whose normal beat is a wide one (bundle branch block) or whose normal rhythm is irregular (atrial fibrillation).
Labelled are premature beats, ventricular or supraventricular: alone, in pairs, in short runs, or every second beat."""
import numpy as np

from labelled import Labelled, Rules

from ._draws import joined, wander

FILES = 30
RULES = Rules(late=60, quiet=100, probation=1000)

# Seconds from the R peak, seconds of width, and millivolts in a limb lead and in a chest lead.
NARROW = {"P": (-0.17, 0.022, 0.12, 0.08), "Q": (-0.028, 0.009, -0.10, 0.06), "R": (0.0, 0.011, 1.15, 0.35),
          "S": (0.028, 0.010, -0.22, -0.75), "T": (0.26, 0.045, 0.28, 0.18)}
BLOCK = {"P": (-0.19, 0.022, 0.11, 0.07), "R": (-0.015, 0.022, 0.75, -0.25), "S": (0.035, 0.024, 0.60, -0.85),
         "T": (0.28, 0.050, -0.22, 0.30)}
WIDE = {"R": (0.0, 0.036, 1.30, -0.9), "S": (0.085, 0.035, -0.55, 0.55), "T": (0.27, 0.060, -0.50, 0.40)}


def patient(waves: dict, rng) -> dict:
    """The waves as this heart and these electrodes show them."""
    gain = rng.uniform(0.6, 1.5, 2) * np.where(rng.random(2) < 0.12, -1, 1)
    return {name: (at * rng.uniform(0.92, 1.08), width * rng.uniform(0.85, 1.2),
                   *(np.array(height) * gain * rng.uniform(0.6, 1.4, 2)))
            for name, (at, width, *height) in waves.items()}


def rhythm(rng, seconds: float) -> list[tuple[float, float, str]]:
    """The beats: when, how long after the one before, and normal (N), ventricular (V) or supraventricular (S)."""
    usual = 60 / rng.uniform(55, 100)
    fibrillates = rng.random() < 0.15
    arrhythmia, breath, slow = rng.uniform(0.01, 0.06), rng.uniform(3, 5.5), 0.0
    early, burden = rng.uniform(0.52, 0.78), rng.choice([0.02, 0.05, 0.1])
    ventricular = rng.choice([0.0, 0.5, 1.0], p=[0.3, 0.2, 0.5])
    beats, at, planned, pause = [], 0.3, [], 1.0
    while True:
        slow = 0.95 * slow + rng.normal(0, 0.012)
        gap = usual * (1 + slow + arrhythmia * np.sin(2 * np.pi * at / breath))
        if fibrillates:
            gap *= rng.gamma(28, 1 / 28)
        ripe = at > 0.14 * seconds
        late = at > 0.55 * seconds and all(kind == "N" for _, _, kind in beats)
        if ripe and not planned and (late or rng.random() < burden):
            kind = "V" if rng.random() < ventricular else "S"
            form = rng.choice(["alone", "pair", "run", "every second", "every third"], p=[0.7, 0.1, 0.05, 0.1, 0.05])
            times = int(rng.integers(3, 8))
            planned = {"alone": [kind], "pair": [kind] * 2, "run": [kind] * times,
                       "every second": [kind, "N"] * times, "every third": [kind, "N", "N"] * times}[form]
        kind = planned.pop(0) if planned else "N"
        if kind == "N":
            gap *= pause
            pause = 1.0
        else:
            gap *= early * rng.normal(1, 0.04)
            # The node behind a ventricular beat keeps its time, so the pause makes up for what was lost.
            pause = rng.uniform(1.8, 2.05) - early if kind == "V" else rng.uniform(0.98, 1.15)
        at += max(gap, 0.28)
        if at > seconds - 0.4:
            return beats
        beats.append((at, gap, kind))


def draw(beats: list, shapes: dict, rows: int, rate: int, rng) -> np.ndarray:
    """Both leads of all beats."""
    leads = np.zeros((rows, 2))
    for at, gap, kind in beats:
        stretch = np.sqrt(min(gap, 1.2) / 0.8)
        strength = rng.normal(1, 0.03)
        for name, (offset, width, *height) in shapes[kind].items():
            centre = at + offset * (stretch if name == "T" else 1)
            first, last = int((centre - 4 * width) * rate), int((centre + 4 * width) * rate) + 2
            rows_of = np.arange(max(first, 0), min(last, rows))
            bell = np.exp(-0.5 * ((rows_of / rate - centre) / width) ** 2)
            leads[rows_of] += strength * bell[:, None] * np.array(height)
    return leads


def disturbances(rng, rows: int, rate: int) -> np.ndarray:
    """All that electrodes pick up besides the heart, in both leads."""
    t = np.arange(rows) / rate
    out = np.empty((rows, 2))
    for lead in range(2):
        out[:, lead] = (rng.uniform(0.02, 0.12) * np.sin(2 * np.pi * t / rng.uniform(3, 5.5) + rng.uniform(0, 6))
                        + wander(rng, rows, 1 - 0.6 / rate, rng.uniform(0.02, 0.15))
                        + rng.uniform(0, 0.012) * np.sin(2 * np.pi * 60 * t)
                        + rng.normal(0, rng.uniform(0.006, 0.02), rows))
    for _ in range(rng.poisson(2.5)):
        first, length = rng.integers(0, rows), int(rate * rng.uniform(0.5, 6))
        part = out[first:first + length]
        if rng.random() < 0.6:
            part += rng.normal(0, rng.uniform(0.03, 0.1), part.shape) * rng.uniform(0.2, 1, 2)
        else:
            # An electrode that is tugged: a jump that runs out through the filter of the recorder.
            part += rng.normal(0, 0.5, 2) * np.exp(-np.arange(len(part)) / (0.4 * rate))[:, None]
    return out


def spans(beats: list, rate: int) -> list[tuple[int, int]]:
    """A window for every premature beat, neighbours joined."""
    return joined((int((at - 0.15) * rate), int((at + 0.35) * rate)) for at, _, kind in beats if kind != "N")


def make(rng, number: int) -> Labelled:
    """One stretch of one patient's recording."""
    rate, rows, names = (128, 12000, ["ECG1", "ECG2"]) if number % 2 else (360, 20000, ["MLII"])
    normal = patient(BLOCK if rng.random() < 0.15 else NARROW, rng)
    foreign = {name: wave for name, wave in normal.items() if name != "P"}
    # An early beat of the atria has another P wave, but goes down the usual way.
    if "P" in normal and rng.random() < 0.7:
        offset, width, *height = normal["P"]
        foreign["P"] = (offset * 0.8, width, *(np.array(height) * rng.uniform(-1, 1, 2)))
    shapes = {"N": normal, "S": foreign, "V": patient(WIDE, rng)}
    beats = rhythm(rng, rows / rate)
    leads = draw(beats, shapes, rows, rate, rng) + disturbances(rng, rows, rate)
    leads = np.clip(np.round(leads * 200) / 200, -5.12, 5.115)
    return Labelled({name: leads[:, lead] for lead, name in enumerate(names)}, spans(beats, rate), 1 / rate)
