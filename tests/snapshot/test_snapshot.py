"""Snapshots in Python: read, changed and written with the safetensors package, and scored with by the binary."""

import hashlib
import json
import os
import pathlib
import subprocess
import tempfile
import unittest

import numpy
import safetensors
from safetensors.numpy import load_file, save_file

DEFAULT = pathlib.Path(__file__).parents[2] / "models" / "default.snapshot"


def canonical(description: dict) -> str:
    """What key `kizashi` of the metadata has to hold."""
    return json.dumps(description, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def describe(file: pathlib.Path) -> dict:
    with safetensors.safe_open(file, framework="np") as opened:
        return json.loads(opened.metadata()["kizashi"])


def identity(file: pathlib.Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


class Snapshot(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def kizashi(self, *arguments) -> subprocess.CompletedProcess:
        command = [os.environ["KIZASHI_BIN"], *map(str, arguments)]
        return subprocess.run(command, capture_output=True, text=True, cwd=self.folder, timeout=60)

    def write(self, tensors: dict, description: dict, name: str = "mine.snapshot") -> pathlib.Path:
        file = self.folder / name
        save_file(tensors, file, metadata={"kizashi": canonical(description)})
        return file

    def assertRefused(self, file: pathlib.Path, part: str):
        for arguments in [("snapshot", "check", file), ("backtest", "none.csv", "--snapshot", file)]:
            finished = self.kizashi(*arguments)
            self.assertEqual(finished.returncode, 2, finished)
            self.assertIn(f"snapshot {file}: ", finished.stderr)
            self.assertIn(part, finished.stderr)

    def test_the_default_is_read_and_written_the_same(self):
        tensors = load_file(DEFAULT)
        network = {name: value for name, value in tensors.items() if name.startswith("network_")}
        parameters = {name: value for name, value in tensors.items() if name not in network}
        for name, value in parameters.items():
            self.assertEqual((value.shape, value.dtype), ((), numpy.float64), name)
        self.assertEqual({value.dtype for value in network.values()}, {numpy.dtype(numpy.float32)})
        description = describe(DEFAULT)
        self.assertEqual((description["kind"], description["format"]), ("detector", 1))
        self.assertEqual(self.write(tensors, description).read_bytes(), DEFAULT.read_bytes())
        shown = self.kizashi("snapshot", "show").stdout
        self.assertIn(identity(DEFAULT), shown, "it is the built-in one")
        for name, value in parameters.items():
            self.assertRegex(shown, rf"\b{name} +{value.item()!r}\n")
        for name, value in network.items():
            self.assertIn(f"F32 {list(value.shape)}", next(line for line in shown.splitlines() if f" {name} " in line))

    def test_what_python_writes_is_scored_with(self):
        tensors = load_file(DEFAULT)
        name = next(iter(tensors))
        tensors[name] = numpy.array(tensors[name] * 0.99)
        facts = {"data": "a year of pumps, 兆し", "series": 1200, "seed": 7}
        file = self.write(tensors, describe(DEFAULT) | {"created_by": "a notebook", "facts": facts})
        checked = self.kizashi("snapshot", "check", file)
        self.assertEqual((checked.returncode, checked.stdout), (0, f"the snapshot is good: {identity(file)}\n"))
        shown = self.kizashi("snapshot", "show", file).stdout
        for part in (identity(file), "a notebook", "series: 1200", "兆し", repr(tensors[name].item())):
            self.assertIn(part, shown)
        rows = "time,value\n" + "".join(f"{1_800_000_000 + 60 * i},{i % 7}\n" for i in range(500))
        (self.folder / "pump.csv").write_text(rows)
        backtest = self.kizashi("backtest", "pump.csv", "--snapshot", file)
        self.assertEqual(backtest.returncode, 0, backtest)
        self.assertIn("1 file, 500 rows", backtest.stdout)

    def test_what_does_not_fit_is_refused_by_name(self):
        tensors, description = load_file(DEFAULT), describe(DEFAULT)
        name = next(iter(tensors))
        narrow = tensors | {name: tensors[name].astype(numpy.float32)}
        self.assertRefused(self.write(narrow, description), f"tensor `{name}` is F32 []; F64 [] is wanted")
        vector = tensors | {name: numpy.array([1.0, 2.0])}
        self.assertRefused(self.write(vector, description), f"tensor `{name}` is F64 [2]; F64 [] is wanted")
        wild = tensors | {name: numpy.array(-1.0)}
        self.assertRefused(self.write(wild, description), f"tensor `{name}` is -1; from ")
        more = tensors | {"temperature": numpy.array(1.0)}
        self.assertRefused(self.write(more, description), "tensor `temperature` is not known")
        less = {key: value for key, value in tensors.items() if key != name}
        self.assertRefused(self.write(less, description), f"tensor `{name}` is missing")
        self.assertRefused(self.write(tensors, description | {"format": 2}), "is of format 2")
        self.assertRefused(self.write(tensors, description | {"method": "theirs/1"}), "is for method `theirs/1`")
        self.assertRefused(self.write(tensors, description | {"facts": {"loss": 0.5}}), "0.5 is not a whole number")

    def test_a_file_that_is_not_what_it_seems_is_refused(self):
        tensors = load_file(DEFAULT)
        plain = self.folder / "plain.safetensors"
        save_file(tensors, plain)
        self.assertRefused(plain, "no key `kizashi`")
        spaced = self.folder / "spaced.snapshot"
        save_file(tensors, spaced, metadata={"kizashi": json.dumps(describe(DEFAULT))})
        self.assertRefused(spaced, "not canonical JSON")
        altered = self.folder / f"{'0' * 64}.snapshot"
        altered.write_bytes(DEFAULT.read_bytes())
        self.assertRefused(altered, identity(DEFAULT))
        self.assertEqual(self.kizashi("snapshot", "check", "absent").returncode, 2)


if __name__ == "__main__":
    unittest.main()
