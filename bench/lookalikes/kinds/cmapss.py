"""Shaped like C-MAPSS sets FD002 and FD004 (Saxena, Goebel, Simon, Eklund 2008): turbofans under six flight conditions.

Kept: three settings and 21 sensors under their usual names, a row a flight; the flight's condition is drawn anew each
time and moves every sensor far more than wear does; sensors that say nothing but the condition, or are rounded so that
they hardly move; engines that differ from the start; wear of the high pressure compressor, or of the fan, that grows
faster and faster. From N-CMAPSS (Arias Chao et al. 2021): a hinge, where slow normal wear turns into the fault.
A file is one engine's place on the wing, over some lives, each of which ends with an overhaul. Labelled is the last
part of a life, which is a convention: the fault often begins before the label, as real labels of remaining life do.
Lives are longer than the real ones (128 to 543 flights), so that a fault is rare."""
import numpy as np

from labelled import Labelled, Rules

FILES = 22
RULES = Rules(late=20, quiet=100, probation=400)

SENSORS = ("T2", "T24", "T30", "T50", "P2", "P15", "P30", "Nf", "Nc", "epr", "Ps30", "phi", "NRf", "NRc", "BPR", "farB",
           "htBleed", "Nf_dmd", "PCNfR_dmd", "W31", "W32")
SETTINGS = np.array([(0, 0, 100), (10, .25, 100), (20, .7, 100), (25, .62, 60), (35, .84, 100), (42, .84, 100.)])
LEVELS = np.array([
    (518.67, 642.5, 1589, 1406, 14.62, 21.61, 554, 2388.05, 9062, 1.3, 47.4, 521.7, 2388.05, 8140, 8.43, .03, 392, 2388,
     100, 38.9, 23.35),
    (489.05, 604.5, 1502, 1307, 10.52, 15.49, 394, 2318.9, 8773, 1.26, 45.3, 371.5, 2388.1, 8126, 8.62, .03, 369, 2319,
     100, 28.6, 17.2),
    (491.19, 607.5, 1481, 1247, 9.35, 13.65, 334.5, 2323.9, 8712, 1.08, 44.2, 314.9, 2388.07, 8053, 9.23, .02, 365,
     2324, 100, 24.4, 14.7),
    (462.54, 536.8, 1262, 1046, 7.05, 9.03, 175.4, 1915.2, 8014, .94, 36.6, 164.7, 2028.2, 7876, 10.9, .02, 306, 1915,
     84.93, 14.3, 8.57),
    (449.44, 555.6, 1360, 1126, 5.48, 8.0, 194, 2223, 8346, 1.02, 41.9, 183, 2388, 8063, 9.33, .02, 334, 2223, 100,
     14.8, 8.9),
    (445.0, 549.7, 1353, 1126, 3.91, 5.71, 138.6, 2212, 8328, 1.02, 42.1, 130.6, 2388, 8077, 9.36, .02, 331, 2212, 100,
     10.6, 6.4)])
NOISE = np.array([0, .38, 4.9, 4.6, 0, .003, .5, .05, 11, 0, .15, .4, .05, 9, .025, 0, 1.1, 0, 0, .13, .075])
# What full wear does: of the compressor, and of the fan. Core speeds go either way, from engine to engine.
COMPRESSOR = np.array([0, 1.6, 15, 28, 0, 0, -2.6, .22, 55, 0, .8, -2.3, .22, 50, .12, 0, 4.6, 0, 0, -.62, -.37])
FAN = np.array([0, 1.3, 14, 24, 0, .012, 4.5, .3, 75, 0, .5, 3.8, .3, 70, -.14, 0, 3.6, 0, 0, .5, .3])
DIGITS = np.array([2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 4, 2, 0, 0, 2, 2, 4])


def flights(rng, rows):
    """The condition of each flight. Some engines fly all over, some keep to a route for a while."""
    keep = rng.choice([0., 0., .3])
    share = rng.dirichlet(np.full(len(SETTINGS), 6.0))
    conditions = rng.choice(len(SETTINGS), rows, p=share)
    for row in np.flatnonzero(rng.random(rows) < keep):
        conditions[row] = conditions[row - 1] if row else conditions[row]
    return conditions


def life(rng, length):
    """Wear of one life from 0 to about 1, and how many flights at its end are labelled."""
    hinge = length - int(rng.integers(90, 220))
    since = np.arange(length)
    normal = rng.uniform(0, .06) + rng.uniform(.03, .12) * since / length
    speed = rng.uniform(2, 5)
    grown = np.clip((since - hinge) / (length - hinge), 0, 1)
    fault = (np.exp(speed * grown) - 1) / (np.exp(speed) - 1)
    labelled = int((length - hinge) * rng.uniform(.4, .8))
    return normal + fault * rng.uniform(.75, 1.1), labelled


def make(rng, number):
    """One place on the wing, over two to four lives and the beginning of another."""
    rows = int(rng.integers(3000, 3800))
    effect = (COMPRESSOR if rng.random() < .6 else FAN).copy()
    effect[[8, 13]] *= rng.choice([-.4, 1.0, 1.0])
    wear, build, windows, begin = np.zeros(rows), np.zeros((rows, len(SENSORS))), [], 0
    typical = rng.uniform(900, 1300)
    while begin < rows:
        length = int(typical * rng.uniform(.75, 1.25))
        worn, labelled = life(rng, length)
        end = min(begin + length, rows)
        whole = begin + length <= rows - 30
        # The rest of a file, too short for a life, is a healthy beginning of one.
        wear[begin:end] = worn[:end - begin] if whole else np.minimum(worn[:end - begin], .15)
        build[begin:end] = NOISE * rng.normal(0, .5, len(SENSORS))
        if whole:
            windows.append((end - labelled, end - 1))
        begin = end
    conditions = flights(rng, rows)
    scale = LEVELS[conditions] / LEVELS[0]
    # Wear tells less in thin air, in proportion to what the sensor reads there.
    noise = NOISE * rng.normal(0, 1, (rows, len(SENSORS)))
    values = LEVELS[conditions] + build + scale * (effect * wear[:, None] + noise)
    values = np.stack([np.round(values[:, i], DIGITS[i]) for i in range(len(SENSORS))])
    off = rng.uniform(0, 1, (rows, 3)) * np.array([.008, .0008, 0]) * (conditions > 0)[:, None]
    settings = SETTINGS[conditions] + off
    columns = {f"setting{i + 1}": np.round(settings[:, i], 4) for i in range(3)}
    columns |= dict(zip(SENSORS, values))
    return Labelled(columns, windows, 7200.0)
