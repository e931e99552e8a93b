"""Card payments, shaped like the credit card frauds of the Machine Learning Group of ULB (Dal Pozzolo et al. 2015).

Kept: 28 principal components and the amount, one payment a row in order of time, components with falling spread, heavy
tails that come over many columns at once (so that the wildest rows are honest ones), a slow change with the hour, exact
repeats, and amounts in cents with their favourites. Two payments in a thousand are frauds, single rows or a few of one
card close to each other; most are pushed far along V14, V17, V12, V10, V3, V4 and V11, a fifth look like any
payment."""
import numpy as np

from labelled import Labelled, Rules

FILES = 22
RULES = Rules(late=10, quiet=60, probation=400)

SPREAD = np.array([1.96, 1.65, 1.52, 1.42, 1.38, 1.33, 1.24, 1.19, 1.10, 1.09, 1.02, 1.00, 1.00, 0.96, 0.92, 0.88,
                   0.85, 0.84, 0.81, 0.77, 0.73, 0.73, 0.62, 0.61, 0.52, 0.48, 0.40, 0.33])
# Where the mean fraud lies.
FRAUD = np.array([-4.8, 3.6, -7.0, 4.5, -3.2, -1.4, -5.6, 0.6, -2.6, -5.7, 3.8, -6.3, -0.1, -7.0, -0.1, -4.1, -6.7,
                  -2.2, 0.7, 0.4, 0.7, 0.0, 0.0, -0.1, 0.0, 0.05, 0.2, 0.1])
# How the amount leans on the components, and how these move with the hour.
AMOUNT = {1: -0.53, 4: -0.39, 6: 0.40, 19: 0.34, 5: 0.22, 2: -0.21, 0: -0.23, 20: 0.11}
HOUR = {2: -0.42, 10: -0.25, 24: -0.23, 14: -0.18, 0: 0.12, 21: 0.14}
FAVOURITES = [1.0, 0.89, 1.98, 0.77, 9.99, 15.0, 12.99, 10.0, 1.29, 1.79, 0.99, 20.0, 29.95, 0.0]


def honest(rng, rows: int) -> tuple[np.ndarray, np.ndarray]:
    """Components and amounts of honest payments."""
    # Payments are of kinds (shop, web, travel, ...), which lie apart in the first components.
    centres = rng.normal(0, 0.6, (6, 28)) * np.linspace(1.2, 0.3, 28)
    kinds = rng.choice(6, rows, p=rng.dirichlet(np.full(6, 2.0)))
    plain = rng.normal(0, 1, (rows, 28)) * rng.gamma(2, 0.5, (rows, 28)) ** 0.5
    wild = 1 / np.sqrt(rng.gamma(2.2, 1 / 2.2, rows))
    wild[rng.random(rows) < 0.004] *= rng.uniform(3, 8)
    # Which columns the tail of a row takes.
    taken = rng.random((rows, 28)) < rng.uniform(0.1, 0.9, (rows, 1))
    parts = SPREAD * (0.6 * plain * np.where(taken, wild[:, None], 1) + centres[kinds])
    size = rng.normal(0, 1, rows) + 0.4 * np.log(wild)
    amounts = np.exp(3.1 + 1.55 * size)
    hour = 1.5 * np.sin(2 * np.pi * (rng.random() + np.arange(rows) / 60000))
    for column, lean in AMOUNT.items():
        parts[:, column] += SPREAD[column] * lean * np.clip((amounts - 88) / 250, -1, 12)
    for column, lean in HOUR.items():
        parts[:, column] += SPREAD[column] * lean * hour
    return parts, amounts


def forge(rng, parts: np.ndarray, amounts: np.ndarray, rows: list[int]) -> None:
    """Turns the payments of one stolen card into frauds."""
    hidden = rng.random() < 0.2
    strength = rng.uniform(0, 0.25) if hidden else np.clip(rng.gamma(3, 0.33), 0.25, 3)
    style = rng.normal(1, 0.35, 28)
    small = rng.random() < 0.4
    for row in rows:
        parts[row] = parts[row] * 0.9 + FRAUD * strength * style * rng.normal(1, 0.1, 28)
        parts[row] += SPREAD * rng.normal(0, 0.8, 28) * strength
        amounts[row] = rng.choice([1.0, 0.0, 0.76, 99.99, 1.0]) if small else np.exp(rng.normal(4, 1.4))


def make(rng, number: int) -> Labelled:
    """Some 40 minutes of payments."""
    rows = int(rng.integers(3500, 4600))
    parts, amounts = honest(rng, rows)
    favourite = rng.random(rows) < 0.2
    amounts[favourite] = rng.choice(FAVOURITES, favourite.sum())
    repeated = 1 + np.flatnonzero(rng.random(rows - 1) < 0.004)
    parts[repeated], amounts[repeated] = parts[repeated - 1], amounts[repeated - 1]
    frauds: set[int] = set()
    for _ in range(max(1, rng.poisson(rows * 0.0011))):
        at, same_card = int(rng.integers(0.13 * rows, rows)), []
        for _ in range(int(rng.choice([1, 2, 3, 5], p=[0.7, 0.15, 0.1, 0.05]))):
            if at < rows and at not in frauds:
                same_card.append(at)
            at += int(rng.choice([1, 1, 2, 40]))
        forge(rng, parts, amounts, same_card)
        frauds.update(same_card)
    windows: list[tuple[int, int]] = []
    for row in sorted(frauds):
        first = windows.pop()[0] if windows and row == windows[-1][1] + 1 else row
        windows.append((first, row))
    columns = {f"V{column + 1}": np.round(parts[:, column], 4) for column in range(28)}
    columns["Amount"] = np.round(np.minimum(amounts, 26000), 2)
    return Labelled(columns, windows, 0.6)
