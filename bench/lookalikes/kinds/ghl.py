"""A loop that heats gasoil, shaped like the Gasoil Heating Loop (GHL; Filonov, Lavrentyev and Vorontsov 2016), a plant
simulated in order to attack it.

Kept: a receiving tank is filled, its gasoil pumped in portions into a heating tank, heated to its temperature, and sent
on to a collecting tank which cools and empties; levels, temperatures, flows and commands of valves, pumps and heater,
smooth as a simulation is, in cycles whose length no clock keeps. Attacks are rare, one or two a file, and each changes
one setting without leave: the highest level of the receiving tank, the highest temperature of the heating tank, or the
frequency of a pump. The label begins with the change, before anything can be seen. Settings which the operator changes
by a little are normal."""
import numpy as np

from labelled import Labelled, Rules

FILES = 26
RULES = Rules(late=50, quiet=150, probation=700)

STEP = 5.0  # seconds a row
NAMES = ["RT_level", "RT_temperature.T", "HT_level", "HT_temperature.T", "CT_level", "CT_temperature.T", "inlet_flow",
         "inj_flow", "out_flow", "pump_frequency", "heater_power", "inlet_valve_act", "inj_valve_act", "heater_act",
         "out_valve_act", "cooler_act"]
# The command which heeds a setting, and whether it does so when it goes off or on.
SIGN = {"level": ("inlet_valve_act", -1), "temperature": ("heater_act", -1), "pump": ("inj_valve_act", 1)}


def settings(rng, rows: int) -> dict:
    """The setting of each row, as the operator left it."""
    usual = {"level": rng.uniform(3.2, 4.2), "temperature": rng.uniform(55, 65), "pump": rng.uniform(42, 50)}
    found = {name: np.full(rows, value) for name, value in usual.items()}
    for values in found.values():
        for _ in range(rng.poisson(1)):
            values[int(rng.integers(rows)):] *= rng.normal(1, 0.012)
    return found


def attack(rng, wanted: dict, table: np.ndarray, after: int, before: int) -> tuple[int, int]:
    """Changes one setting, somewhat before the plant next looks at it, and says in which rows it is changed."""
    name = str(rng.choice(list(SIGN)))
    command, edge = SIGN[name]
    at = np.flatnonzero(np.diff(table[:, NAMES.index(command)]) == edge)
    at = at[(at > after + 60) & (at < before - 360)]
    moment = int(rng.choice(at)) if len(at) else (after + before) // 2
    first, length = moment - int(rng.integers(5, 60)), int(rng.integers(150, 330))
    strength = rng.uniform(1.12, 1.45) if rng.random() < 0.7 else rng.uniform(0.6, 0.88)
    wanted[name][first:first + length] *= strength
    return first, first + length - 1


def run(rng, rows: int, wanted: dict) -> np.ndarray:
    """The plant, a row a step: each tank is a level and a temperature, and a program opens and closes by them."""
    inflow, portion = rng.uniform(0.02, 0.04), rng.uniform(1.2, 2.0)
    heating, loss, supply = rng.uniform(0.5, 0.9), 0.0012, rng.uniform(15, 25)
    levels = {"RT": wanted["level"][0] * rng.uniform(0.4, 0.9), "HT": 0.2, "CT": 1.0}
    warm = {"RT": supply, "HT": supply, "CT": supply + 8}
    filling, phase, wait, cooling, pace = True, "wait", int(rng.integers(5, 30)), False, 0.0
    out = np.empty((rows, len(NAMES)))
    for row in range(rows):
        supply += rng.normal(0, 0.01)
        pace = 0.98 * pace + rng.normal(0, 0.02)
        if filling and levels["RT"] >= wanted["level"][row]:
            filling = False
        elif not filling and levels["RT"] < 0.35 * wanted["level"][row]:
            filling = True
        if phase == "wait":
            wait -= 1
            if wait <= 0 and levels["RT"] > 0.2 + portion / 2:
                phase = "inject"
        elif phase == "inject" and (levels["HT"] >= portion or levels["RT"] < 0.1):
            phase = "heat"
        elif phase == "heat" and warm["HT"] >= wanted["temperature"][row]:
            phase = "send" if levels["CT"] < 4.5 else "hold"
        elif phase == "hold" and levels["CT"] < 4.5:
            phase = "send"
        elif phase == "send" and levels["HT"] <= 0.2:
            phase, wait = "wait", int(rng.gamma(2, 12)) + 3
        speed = wanted["pump"][row] * (1 + 0.002 * rng.normal()) if phase in ("inject", "send") else 0.0
        entering = inflow * (1 + 0.1 * pace) if filling else 0.0
        injected = min(0.0011 * speed, levels["RT"]) if phase == "inject" else 0.0
        sent = min(0.0013 * speed, levels["HT"]) if phase == "send" else 0.0
        power = heating * (1 + 0.02 * rng.normal()) if phase == "heat" else 0.0
        cooling = warm["CT"] > 42 or (cooling and warm["CT"] > 34)
        drained = 0.012 * levels["CT"] ** 0.5 if levels["CT"] > 0.8 else 0.0

        warm["RT"] += entering / (levels["RT"] + 0.1) * (supply - warm["RT"]) - loss * (warm["RT"] - 20)
        warm["HT"] += injected / (levels["HT"] + 0.1) * (warm["RT"] - warm["HT"]) - loss * (warm["HT"] - 20)
        warm["HT"] += power * portion / (levels["HT"] + 0.3)
        warm["CT"] += sent / (levels["CT"] + 0.1) * (warm["HT"] - warm["CT"]) - (0.03 if cooling else loss) * (
            warm["CT"] - 20)
        levels["RT"] += entering - injected
        levels["HT"] += injected - sent
        levels["CT"] += sent - drained
        out[row] = [levels["RT"], warm["RT"], levels["HT"], warm["HT"], levels["CT"], warm["CT"], entering, injected,
                    sent, speed, power, filling, phase == "inject", phase == "heat", phase == "send", cooling]
    return out


def make(rng, number: int) -> Labelled:
    """One run of the plant."""
    rows = int(rng.integers(5500, 8000))
    wanted, seed = settings(rng, rows), int(rng.integers(2**32))
    count = int(rng.choice([1, 2], p=[0.6, 0.4]))
    edges = np.linspace(0.15 * rows, 0.97 * rows, count + 1).astype(int)
    windows = []
    # The same seed each time: up to the attack, the plant does what it did without it.
    table = run(np.random.default_rng(seed), rows, wanted)
    for left, right in zip(edges[:-1], edges[1:]):
        windows.append(attack(rng, wanted, table, left, right))
        table = run(np.random.default_rng(seed), rows, wanted)
    table[:, :6] += rng.normal(0, 1, (rows, 6)) * np.array([0.002, 0.02, 0.002, 0.03, 0.002, 0.03])
    return Labelled({name: np.round(table[:, place], 4) for place, name in enumerate(NAMES)}, windows, STEP)
