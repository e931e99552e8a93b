"""A machine that sorts, shaped like the Genesis demonstrator (von Birgelen and Niggemann 2018): a linear drive with a
gripper takes pieces out of a storage, holds them before sensors, and puts metal and other material in different places.

Kept: 18 signals of the controller, twenty times a second, most of them yes or no; a drive with position, speed and
current; cycles whose parts wait for each other, with pieces in random order and pauses while the storage is empty.
Anomalies are very rare and short (some tens of rows in a file): the drive is held fast or drags, the gripper drops its
piece, the sensors contradict each other. Slow cycles and a pause of the whole machine are normal."""
import numpy as np

from labelled import Labelled, Rules

FILES = 26
RULES = Rules(late=40, quiet=100, probation=900)

STEP = 0.05
PLACES = (0.0, 1800.0, 3600.0, 5200.0)  # storage, sensors, metal, other material
NAMES = ["MotorData.ActCurrent", "MotorData.ActPosition", "MotorData.ActSpeed", "MotorData.IsAcceleration",
         "MotorData.IsForce", "MotorData.Motor_Pos1reached", "MotorData.Motor_Pos2reached",
         "MotorData.Motor_Pos3reached", "MotorData.Motor_Pos4reached", "NVL_Recv_Ind.GL_Metall",
         "NVL_Recv_Ind.GL_NonMetall", "NVL_Recv_Storage.GL_I_ProcessStarted", "NVL_Recv_Storage.GL_I_Slider_IN",
         "NVL_Recv_Storage.GL_I_Slider_OUT", "NVL_Recv_Storage.GL_LightBarrier",
         "NVL_Send_Storage.ActivateStorage", "PLC_PRG.Gripper", "PLC_PRG.MaterialIsMetal"]
COLUMN = {name.rsplit(".", 1)[1]: place for place, name in enumerate(NAMES)}


class Machine:
    """The machine, which writes down a row for each step of its controller."""

    def __init__(self, rng):
        self.rng, self.rows, self.windows = rng, [], []
        self.position, self.flags = 0.0, dict.fromkeys(COLUMN, 0)
        self.flags["GL_I_Slider_IN"] = 1
        self.top, self.friction = rng.uniform(90, 130), rng.uniform(0.8, 1.2)

    def tick(self, speed: float = 0.0, push: float = 0.0) -> None:
        """One step: the drive goes on at `speed`, pushed by `push`."""
        self.position += speed
        row = [float(self.flags[name]) for name in COLUMN]
        holding = 12 if self.flags["Gripper"] else 6
        row[COLUMN["ActPosition"]] = round(self.position + self.rng.normal(0, 0.4))
        row[COLUMN["ActSpeed"]] = round(speed / STEP + (self.rng.normal(0, 12) if speed else 0))
        row[COLUMN["IsAcceleration"]] = round(push * 40 + self.rng.normal(0, 2) * (speed != 0))
        force = self.friction * 90 * np.sign(speed) + 160 * push
        row[COLUMN["ActCurrent"]] = round(holding + 2.2 * abs(force) ** 0.95 + self.rng.normal(0, 9))
        row[COLUMN["IsForce"]] = round(force + self.rng.normal(0, 6))
        for place, at in enumerate(PLACES):
            row[COLUMN[f"Motor_Pos{place + 1}reached"]] = float(abs(self.position - at) < 8 and abs(speed) < 15)
        self.rows.append(row)

    def rest(self, least: int, most: int) -> None:
        """Some steps in which the drive stands."""
        for _ in range(int(self.rng.integers(least, most))):
            self.tick()

    def wrong(self, begin: int) -> None:
        """Labels the rows from `begin` on."""
        self.windows.append((begin, len(self.rows) - 1))

    def drive(self, place: int, fault: str = "") -> None:
        """Goes to a place: speeds up, runs, and slows down in time."""
        goal, speed, ramp = PLACES[place], 0.0, self.rng.uniform(5, 7)
        way = np.sign(goal - self.position)
        length = abs(goal - self.position)
        trouble = self.rng.uniform(0.25, 0.65) * length
        limit, begin = self.top * self.rng.normal(1, 0.015), None
        while abs(goal - self.position) > 2:
            left = abs(goal - self.position)
            if fault == "jam" and begin is None and left < trouble:
                begin = len(self.rows)
                for _ in range(int(self.rng.integers(12, 45))):
                    self.tick(way * self.rng.uniform(0, 1.5), way * self.rng.uniform(1.0, 2.2))
                self.wrong(begin)
                speed = 0.0
            if fault == "drag" and begin is None and left < trouble:
                begin = len(self.rows)
                limit, self.friction = limit * self.rng.uniform(0.35, 0.65), self.friction * self.rng.uniform(1.4, 2.2)
            if fault == "drop" and begin is None and left < trouble:
                begin, self.flags["Gripper"] = len(self.rows), 0
            before = speed
            speed = min(speed + ramp, limit, max(np.sqrt(2 * ramp * left), 1.0), left)
            self.tick(way * speed, way * (speed - before) / ramp)
        self.position = goal
        if fault in ("drag", "drop") and begin is not None:
            self.wrong(begin)


def cycle(machine: Machine, fault: str) -> None:
    """One piece, from the storage to its place."""
    rng, flags = machine.rng, machine.flags
    usual_friction, metal = machine.friction, bool(rng.random() < 0.45)
    flags["ActivateStorage"] = 1
    machine.rest(2, 6)
    flags["GL_I_ProcessStarted"], flags["GL_I_Slider_IN"] = 1, 0
    machine.rest(8, 14)
    flags["GL_I_Slider_OUT"], flags["GL_LightBarrier"] = 1, 1
    machine.rest(6, 10)
    flags["GL_I_Slider_OUT"], flags["ActivateStorage"] = 0, 0
    machine.rest(8, 14)
    flags["GL_I_Slider_IN"], flags["GL_I_ProcessStarted"] = 1, 0
    machine.rest(3, 12)
    flags["Gripper"] = 1
    machine.rest(8, 12)
    flags["GL_LightBarrier"] = 0
    jams_first = fault == "jam" and rng.random() < 0.5
    machine.drive(1, "jam" if jams_first else "")
    machine.rest(4, 8)
    begin = len(machine.rows)
    flags["GL_Metall"], flags["GL_NonMetall"] = int(metal), int(not metal)
    if fault == "sensors":
        # Both see their material, or neither does.
        flags["GL_Metall"] = flags["GL_NonMetall"] = int(rng.random() < 0.5)
    flags["MaterialIsMetal"] = int(metal)
    machine.rest(10, 30)
    if fault == "sensors":
        machine.wrong(begin)
    flags["GL_Metall"] = flags["GL_NonMetall"] = 0
    machine.drive(2 if metal else 3, "" if jams_first else fault)
    machine.friction = usual_friction
    machine.rest(4, 8)
    flags["Gripper"] = 0
    machine.rest(8, 14)
    machine.drive(0)


def make(rng, number: int) -> Labelled:
    """Some minutes of the machine at work."""
    rows = int(rng.integers(7000, 9500))
    machine = Machine(rng)
    due = np.sort(rng.uniform(0.14, 0.85, rng.choice([1, 2, 3], p=[0.4, 0.4, 0.2])) * rows).tolist()
    while len(machine.rows) < rows:
        fault = ""
        if due and len(machine.rows) > due[0]:
            due.pop(0)
            fault = str(rng.choice(["jam", "drag", "drop", "sensors"], p=[0.4, 0.25, 0.15, 0.2]))
        cycle(machine, fault)
        # The storage runs empty now and then, and somebody has to fill it.
        machine.rest(10, 40) if rng.random() < 0.85 else machine.rest(80, 400)
    table = np.array(machine.rows[:rows])
    windows = [(first, last) for first, last in machine.windows if last < rows]
    return Labelled({name: table[:, place] for place, name in enumerate(NAMES)}, windows, STEP)
