#!/usr/bin/env python3
"""Labelled sets shaped like public benchmarks, made from nothing but a seed.

usage: make.py [--draw N] OUT [KIND...]

Writes OUT/KIND/NAME.csv (`timestamp` and the columns) and OUT/KIND/labels.json, as `kizashi backtest --labels` and
reference scripts read them. Each file is drawn from the draw's number, the kind's name and its own number alone.
"""
import argparse
import datetime
import importlib
import json
import pathlib
import pkgutil
import zlib

import numpy as np

import kinds
from labelled import Labelled

BEGIN = datetime.datetime(2024, 3, 4)


def write(path: pathlib.Path, made: Labelled) -> None:
    names = list(made.columns)
    table = np.column_stack([made.columns[n] for n in names])
    with open(path, "w") as out:
        out.write(",".join(["timestamp", *names]) + "\n")
        for row, values in enumerate(table):
            at = BEGIN + datetime.timedelta(seconds=round(row * made.step_seconds, 3))
            cells = ("" if np.isnan(v) else f"{v:.7g}" for v in values)
            out.write(f"{at.isoformat(sep=' ', timespec='milliseconds')},{','.join(cells)}\n")


def main() -> None:
    every = sorted(m.name for m in pkgutil.iter_modules(kinds.__path__) if not m.name.startswith("_"))
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("out", type=pathlib.Path)
    arguments.add_argument("--draw", type=int, default=1)
    arguments.add_argument("kinds", nargs="*", metavar="KIND", help=", ".join(every))
    asked = arguments.parse_intermixed_args()
    for name in asked.kinds or every:
        if name not in every:
            arguments.error(f"no kind is named {name}: {', '.join(every)} are")
        kind = importlib.import_module(f"kinds.{name}")
        folder = asked.out / name
        folder.mkdir(parents=True, exist_ok=True)
        windows = {}
        for number in range(kind.FILES):
            rng = np.random.default_rng([asked.draw, zlib.crc32(name.encode()), number])
            made = kind.make(rng, number)
            made.check()
            windows[f"{name}_{number:02}"] = made.windows
            write(folder / f"{name}_{number:02}.csv", made)
        rules = {"late": kind.RULES.late, "quiet": kind.RULES.quiet, "probation": kind.RULES.probation}
        (folder / "labels.json").write_text(json.dumps({"rules": rules, "windows": windows}, default=int))


if __name__ == "__main__":
    main()
