#!/usr/bin/env python3
"""Labelled sets shaped like public benchmarks, made from nothing but a seed.

usage: make.py [--draw N] OUT [KIND...]

Writes OUT/KIND/NAME.csv (`timestamp` and the columns) and OUT/KIND/labels.json, as `kizashi backtest --labels` and
reference scripts read them, where they are not there yet or older than what makes them, and prints the folder of each
kind. Each file is drawn from the draw's number, the kind's name and its own number alone.
"""
import argparse
import dataclasses
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


def is_fresh(labels: pathlib.Path, name: str) -> bool:
    """Whether the set that these labels are the last file of is as its code, and what that shares, would make it."""
    here = pathlib.Path(__file__).parent
    code = [*here.glob("*.py"), *here.glob("kinds/_*.py"), here / "kinds" / f"{name}.py"]
    return labels.exists() and all(labels.stat().st_mtime >= file.stat().st_mtime for file in code)


def make(folder: pathlib.Path, name: str, draw: int) -> None:
    """Makes the set of a kind. Its labels come last: where they are, all of it is."""
    kind = importlib.import_module(f"kinds.{name}")
    folder.mkdir(parents=True, exist_ok=True)
    labels = folder / "labels.json"
    labels.unlink(missing_ok=True)
    windows = {}
    for number in range(kind.FILES):
        rng = np.random.default_rng([draw, zlib.crc32(name.encode()), number])
        made = kind.make(rng, number)
        made.check()
        windows[f"{name}_{number:02}"] = made.windows
        write(folder / f"{name}_{number:02}.csv", made)
    labels.write_text(json.dumps({"rules": dataclasses.asdict(kind.RULES), "windows": windows}, default=int))


def main() -> None:
    every = sorted(m.name for m in pkgutil.iter_modules(kinds.__path__) if not m.name.startswith("_"))
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("out", type=pathlib.Path)
    arguments.add_argument("--draw", type=int, default=1)
    arguments.add_argument("kinds", nargs="*", metavar="KIND", help=", ".join(every))
    asked = arguments.parse_intermixed_args()
    unknown = [name for name in asked.kinds if name not in every]
    if unknown:
        arguments.error(f"no kind is named {unknown[0]}: {', '.join(every)} are")
    for name in asked.kinds or every:
        folder = asked.out / name
        if not is_fresh(folder / "labels.json", name):
            make(folder, name, asked.draw)
        print(folder)


if __name__ == "__main__":
    main()
