"""A labelled file: columns of numbers, and the windows of rows in which something is wrong."""
from dataclasses import dataclass

import numpy as np


@dataclass
class Rules:
    """When an alert counts: at most `late` rows behind a window; one that starts less than `quiet` rows behind the one
    before is the same; the first `probation` rows count for nothing."""

    late: int
    quiet: int
    probation: int


@dataclass
class Labelled:
    """One file of a set. `columns` are of equal length, in their order in the file; NaN is written as an empty cell.
    `windows` are pairs of row numbers from 0, first and last, both inside, in order; they neither touch nor overlap."""

    columns: dict[str, np.ndarray]
    windows: list[tuple[int, int]]
    step_seconds: float

    def check(self) -> None:
        """That the file is what it says."""
        rows = len(next(iter(self.columns.values())))
        for name, values in self.columns.items():
            assert len(values) == rows, f"{name} has {len(values)} rows, not {rows}"
            assert not np.isinf(values).any(), f"{name} is infinite somewhere"
        last = -1
        for first, end in self.windows:
            assert last < first <= end < rows, f"the window {first}..{end} is out of order, or outside of {rows} rows"
            last = end + 1
