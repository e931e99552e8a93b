"""Shaped like voraus-AD (Brockmann, Rudolph, Rosenhahn, Wandt 2023): an arm of six joints that picks and places cans.

Kept: position, torque and current of each joint, the vacuum of the gripper and the current of all the robot, in cycles
of about eleven seconds; cans that lie elsewhere and weigh something else each time, waits for the next can, an operator
who slows the robot for some cycles, friction that goes down as the joints get warm. Anomalies are those of the paper by
kind: collisions with something soft or hard (after which the robot may stand still), a weight on an axis or in the
can, friction on an axis, a motor that turns badly (its current waves and is too high for the torque), a can missed or
lost on the way, a gripper that leaks. The label covers the cycles that are spoilt, or the part of a cycle in which the
can is missing or something is hit. Ten rows a second in place of 100 to 500, 20 of 130 signals, and the cycles follow
each other in one series with anomalies in between, while the real set has them as separate samples."""
import numpy as np

from labelled import Labelled, Rules

from ._draws import correlated, joined, lagged, smooth

FILES = 24
RULES = Rules(late=40, quiet=150, probation=1100)
# The poses of a cycle by joints in degrees, and the seconds to get to each; `grip` and `drop` are waits.
POSES = {"home": (0, -80, 95, -105, -90, 0, 1.7), "over": (38, -66, 104, -128, -90, 38, 1.6),
         "pick": (38, -52, 108, -146, -90, 38, 1.0), "grip": (38, -52, 108, -146, -90, 38, .6),
         "lift": (38, -66, 104, -128, -90, 38, 1.0), "swing": (-52, -70, 100, -120, -90, -52, 1.9),
         "place": (-52, -55, 107, -142, -90, -52, 1.0), "drop": (-52, -55, 107, -142, -90, -52, .5),
         "leave": (-52, -70, 100, -120, -90, -52, .9)}
STAGES = list(POSES)
INERTIA, COULOMB, VISCOUS = (np.array(v) for v in ([3.4, 3.9, 1.6, .4, .3, .12], [6, 7, 4, 1.6, 1.5, 1.2],
                                                   [5, 5, 3.4, 1.2, 1.1, .9]))
PER_AMPERE = np.array([11.8, 11.8, 9.6, 7.9, 7.9, 7.9])
MOVING = [0, 1, 2, 3, 5]  # the fifth joint hardly moves, so that friction there would not show
FAULTS = ["bump", "crash", "weight", "load", "friction", "motor", "missed", "lost", "leak"]


def path(rng, cycles):
    """The moments at which the arm is at each pose, those poses, in radians, and what the cans weigh."""
    at, poses, now = [], [], 0.0
    mount = rng.normal(0, 4, 6)
    for _ in range(cycles):
        # Cans stand anywhere in a tray, and are put in the next place of the other.
        can = rng.uniform(-7, 7, 6) * [1, .6, .6, .4, .1, 1]
        place = rng.integers(0, 4) * np.array([4, 1, -1, .5, 0, 4])
        for stage, (*pose, seconds) in POSES.items():
            if stage == "home" and at:
                now += max(0.0, rng.normal(.3, .15)) + (rng.random() < .08) * rng.exponential(3)  # no can has come yet
            now += seconds * rng.uniform(.98, 1.02)
            moved = 0 if stage == "home" else can if stage in ("over", "pick", "grip", "lift") else place
            at.append(now)
            poses.append(np.radians(np.array(pose) + mount + moved))
    return np.array(at), np.array(poses), rng.normal(.42, .06, cycles)


def faults_of(rng, cycles):
    """Cycle by cycle what goes wrong: (first cycle, how many, fault, joint, strength)."""
    found, cycle = [], 12 + int(rng.integers(0, 5))
    while cycle < cycles - 6:
        fault, joint, size = str(rng.choice(FAULTS)), int(rng.choice(MOVING)), rng.uniform(.5, 1.2)
        count = {"weight": 8, "load": 5, "friction": 8, "motor": 6, "leak": 8}.get(fault, 1)
        count = int(rng.integers(1, count + 1))
        found.append((cycle, count, fault, joint, size))
        cycle += count + int(rng.integers(4, 14))
    return found


def make(rng: np.random.Generator, number: int) -> Labelled:
    rows, cycles = int(rng.integers(6000, 6650)), 75
    at, poses, weights = path(rng, cycles)
    per_cycle, faults = len(STAGES), faults_of(rng, 50)
    pace = np.ones(rows)
    for begin in rng.integers(0, rows, rng.poisson(.8)):
        pace[begin:begin + rng.integers(300, 1200)] = rng.choice([.7, .8, .9])
    pace = smooth(pace, 15)

    def row_of(cycle, stage):
        """The first row in which the arm has come to this pose."""
        return int(np.searchsorted(np.cumsum(pace) * .1, at[cycle * per_cycle + STAGES.index(stage)]))

    windows, hits = [], []
    friction, weight, wave = np.ones((rows, 6)), np.zeros((rows, 6)), np.zeros((rows, 6))
    gone, leak = np.zeros(rows, bool), np.zeros(rows)
    for cycle, count, fault, joint, size in faults:
        # In order, for a crash moves all that comes after it.
        first, last = row_of(cycle, "home"), row_of(cycle + count, "home")
        if fault in ("bump", "crash"):
            first = row_of(cycle, str(rng.choice(["over", "pick", "lift", "swing", "place"]))) - int(rng.integers(4, 9))
            last = first + int(rng.integers(20, 150) if fault == "crash" else rng.integers(5, 14)) - 1
        elif fault in ("missed", "load", "leak"):
            # Nothing of it shows while the gripper is empty anyway.
            first, last = row_of(cycle, "pick"), row_of(cycle + count - 1, "drop")
        elif fault == "lost":
            first, last = row_of(cycle, "grip"), row_of(cycle, "drop")
            first += int((last - first) * rng.uniform(.3, .7))
        if last >= rows - 20:
            break
        span = slice(first, last + 1)
        if fault in ("bump", "crash"):
            hits.append((first, last, fault, size))
        if fault == "crash":
            pace[first + 3:last + 1] = 0
            pace[last + 1:last + 9] = np.linspace(.1, 1, 8)
        elif fault == "friction":
            friction[span, joint] += .9 * size
        elif fault == "weight":
            weight[span, joint % 3 + 1] += 1.3 * size
        elif fault == "motor":
            wave[span, joint] = .22 * size
        elif fault in ("missed", "lost"):
            gone[span] = True
        elif fault == "leak":
            leak[span] = .35 * size
        elif fault == "load":
            weights[cycle:cycle + count] += 1.1 * size
        windows.append((first, last))
    time = np.cumsum(pace) * .1
    part = np.clip(np.searchsorted(at, time), 1, len(at) - 1)
    since = np.clip((time - at[part - 1]) / (at[part] - at[part - 1]), 0, 1)
    eased = since ** 3 * (10 - 15 * since + 6 * since ** 2)
    angle = poses[part - 1] + eased[:, None] * (poses[part] - poses[part - 1])
    speed = np.gradient(angle, .1, axis=0)
    push = np.gradient(speed, .1, axis=0)
    stage, cycle = part % per_cycle, part // per_cycle
    has_can = (stage >= STAGES.index("lift")) & (stage <= STAGES.index("drop")) & ~gone
    heavy = weights[np.minimum(cycle, cycles - 1)] * has_can
    # Gravity: what hangs on each joint, at which lean; the first joint turns about the upright and carries nothing.
    upper, lower = np.cos(angle[:, 1]), np.cos(angle[:, 1] + angle[:, 2])
    wrist = np.cos(angle[:, 1:4].sum(1))
    tip = 9.81 * (1.9 + heavy + weight[:, 3])
    gravity = np.zeros((rows, 6))
    gravity[:, 3] = .12 * tip * wrist + .1 * tip
    gravity[:, 2] = 9.81 * .39 * (3.2 + weight[:, 2]) * lower * .5 + .39 * tip * lower + gravity[:, 3] * .4
    gravity[:, 1] = gravity[:, 2] + 9.81 * .42 * (8.4 + weight[:, 1]) * upper * .5 + .42 * tip * upper
    gravity[:, 4] = .05 * tip * np.sin(angle[:, 4])
    warm = 1 + rng.uniform(.05, .25) * np.exp(-np.arange(rows) / rng.uniform(1500, 5000))
    rub = (COULOMB * np.tanh(speed / .03) + VISCOUS * speed) * friction * warm[:, None]
    inertia = INERTIA * (1 + .12 * heavy[:, None] + .1 * weight.sum(1, keepdims=True))
    torque = gravity + inertia * push + rub + rng.normal(0, 1, (rows, 6)) * [.5, .6, .4, .15, .14, .1]
    lag = rng.normal(0, 3e-4, (rows, 6))
    for first, last, fault, size in hits:
        # The arm is pushed back, most where it is thickest; a crash is over in a moment, since the robot stops.
        shape = np.exp(-((np.arange(min(last - first + 1, 14)) - 2) / 2.5) ** 2)[:, None]
        force = size * (30 if fault == "crash" else 9) * rng.choice([-1, 1], 6) * rng.uniform(.4, 1.4, 6)
        force *= [1.4, 1.2, 1, .3, .3, .1]
        torque[first:first + len(shape)] += shape * force
        lag[first:first + len(shape)] -= shape * force * 4e-4
    ripple = 1 + wave * (1 + .8 * np.sin(40 * angle))
    current = torque / PER_AMPERE * ripple + rng.normal(0, .03, (rows, 6))
    pumping = (stage >= STAGES.index("grip")) & (stage < STAGES.index("drop"))
    reach = 62 * np.exp(.015 * rng.standard_normal(cycles))[np.minimum(cycle, cycles - 1)]
    # It comes up only on a can; without one the pump draws air.
    vacuum = lagged(pumping * reach * np.where(gone, .15, 1 - leak), .55, 0.0) + .5 * correlated(rng, rows, .6)
    system = 1.1 + .12 * np.abs(current).sum(1) + .35 * pumping + .03 * rng.standard_normal(rows)
    columns = {f"joint_position_{j + 1}": np.round(angle[:, j] + lag[:, j], 5) for j in range(6)}
    columns |= {f"motor_torque_{j + 1}": np.round(torque[:, j], 3) for j in range(6)}
    columns |= {f"motor_iq_{j + 1}": np.round(current[:, j], 4) for j in range(6)}
    return Labelled(columns | {"gripper_vacuum": np.round(vacuum, 2), "system_current": np.round(system, 3)},
                    joined(windows), .1)
