"""An office room, shaped like the Occupancy Detection data (Candanedo and Feldheim 2016), in which TSB-UAD and TSB-AD
take the minutes with people in the room as the anomaly.

Kept: temperature, humidity, light, CO2 and humidity ratio each minute over a week; heating and sun, which come without
people; lamps forgotten on over night, cleaners, slow breath of CO2, the sensors' fine digits and odd levels of light.
Windows are visits of minutes to half a day, as a camera saw them, a fifth of all rows, on working days only. The first
hours, which the real files have too, are an evening and a night."""
import numpy as np

from labelled import Labelled, Rules

from ._draws import lagged

FILES = 26
RULES = Rules(late=20, quiet=60, probation=500)

DAY = 1440


def visits(rng, rows: int, begin: int) -> np.ndarray:
    """How many people are in the room in each minute; minute 0 of the file is minute `begin` of its day."""
    people = np.zeros(rows, int)
    first_day = int(rng.integers(0, 5))
    diligent = rng.uniform(0.5, 1.0)
    for day in range(rows // DAY + 2):
        midnight = day * DAY - begin
        free = (first_day + day) % 7 >= 5 or rng.random() < 0.08
        if free:
            continue
        for who in range(int(rng.integers(1, 4))):
            if rng.random() > diligent:
                continue
            at = midnight + int(rng.normal(8.2 * 60, 35))
            home = midnight + int(rng.normal(17.6 * 60, 40))
            while at < home:
                stay = int(rng.exponential(140)) + 5
                lunch = midnight + int(rng.normal(12.8 * 60, 15))
                end = min(at + stay, lunch if at < lunch else home, home)
                if at > 0.09 * rows:
                    people[at:end] += 1
                at = end + (int(rng.uniform(25, 70)) if end == lunch else int(rng.exponential(12)) + 2)
    if not people.any():
        people[int(0.5 * rows):int(0.5 * rows) + int(rng.integers(60, 300))] = 1
    return people


def daylight(rng, minute: np.ndarray) -> np.ndarray:
    """What the window lets in: none by night, clouds, and direct sun on some days for an hour or so."""
    height = np.maximum(0, np.sin(np.pi * (minute % DAY - 440) / 590)) * (np.abs(minute % DAY - 735) < 295)
    cloud = np.exp(lagged(rng.normal(0, 8, len(minute)), 0.99, 0) * 0.45)
    light = rng.uniform(40, 180) * height * np.minimum(cloud, 2)
    for day in range(len(minute) // DAY + 1):
        if rng.random() < 0.25:
            first = day * DAY + int(rng.integers(0, DAY))
            sun = slice(first, first + int(rng.integers(10, 70)))
            light[sun] += rng.uniform(200, 1100) * (height[sun] > 0.3)
    return light


def make(rng, number: int) -> Labelled:
    """One room for about a week, from an evening on."""
    rows, begin = int(rng.integers(7500, 10000)), int(rng.integers(17.5 * 60, 20 * 60))
    minute = np.arange(rows) + begin
    people = visits(rng, rows, begin)
    there = people > 0
    sun = daylight(rng, minute)
    lamps = np.zeros(rows, bool)
    habit = rng.uniform(0.85, 1.0)
    on = False
    for row in range(rows):
        if there[row] and not there[row - 1]:
            on = on or rng.random() < habit
        elif on and not there[row] and rng.random() < (0.25 if there[row - 1] else 0.02):
            on = False
        lamps[row] = on
    for _ in range(rng.poisson(rows / DAY * 0.4)):
        # Cleaners and guards: light for some minutes, and nobody whom the label counts.
        first = int(rng.integers(rows))
        lamps[first:first + int(rng.integers(3, 25))] = True
    lamp = rng.uniform(380, 460)
    light = np.where(lamps, lamp + rng.normal(0, 2, rows), 0) + sun
    light += (light > 3) * rng.normal(0, 1.5, rows)

    outside = rng.uniform(0, 9) + 3 * np.sin(2 * np.pi * (minute - 540) / DAY)
    outside += lagged(rng.normal(0, 45, rows), 0.999, 0)
    working_day = np.abs(minute % DAY - 720) < 360
    # The heating follows its own clock, on holidays too.
    aim = np.where(working_day, rng.uniform(21.0, 22.3), rng.uniform(19.0, 20.3)) + 0.05 * (outside - 5)
    heat = lagged(aim + 0.35 * np.minimum(people, 3) + 0.004 * np.minimum(sun, 300) + 0.25 * lamps, 0.993, aim[0])
    temperature = heat + rng.normal(0, 0.02, rows)
    base = rng.uniform(410, 450)
    # Each breathes out some; doors and windows let it go at a pace which changes.
    breath = people * rng.uniform(2.2, 4.5) * np.exp(rng.normal(0, 0.1, rows))
    airing = np.where(lagged(rng.normal(0, 10, rows), 0.995, 0) > 0.8, 0.03, rng.uniform(0.006, 0.012))
    level, carbon = base, np.empty(rows)
    for row in range(rows):
        level += breath[row] - airing[row] * (level - base)
        carbon[row] = level
    carbon += rng.normal(0, 3, rows) + lagged(rng.normal(0, 60, rows), 0.99, 0)
    water = rng.uniform(0.0030, 0.0045) + lagged(rng.normal(0, 0.012, rows), 0.9995, 0)
    water = np.maximum(water + 8e-7 * lagged(carbon - base, 0.98, 0), 0.0022)
    full = 611.2 * np.exp(17.62 * temperature / (243.12 + temperature))
    humidity = np.clip(100 * water * 101325 / (0.62198 + water) / full + rng.normal(0, 0.04, rows), 10, 60)
    pressure = humidity / 100 * full
    columns = {"Temperature": np.round(temperature / 0.05) * 0.05, "Humidity": np.round(humidity, 3),
               "Light": np.round(np.maximum(light, 0), 1), "CO2": np.round(np.maximum(carbon, 400) * 4) / 4,
               "HumidityRatio": 0.62198 * pressure / (101325 - pressure)}
    edges = np.flatnonzero(np.diff(np.concatenate([[0], there.astype(int), [0]])))
    return Labelled(columns, [(int(a), int(b) - 1) for a, b in zip(edges[::2], edges[1::2])], 60.0)
