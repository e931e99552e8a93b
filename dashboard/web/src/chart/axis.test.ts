import { expect, test } from "vitest";
import { timeLabels, valueLabels } from "./axis";

const midnight = Date.UTC(2026, 0, 31);

test("time labels are as fine as the step, and show a new day", () => {
  expect(timeLabels([midnight - 3_600_000, midnight, midnight + 3_600_000], 3_600_000, "utc")).toEqual([
    "23:00",
    "01-31",
    "01:00",
  ]);
  expect(timeLabels([midnight, midnight + 5_000], 5_000, "utc")).toEqual(["00:00:00", "00:00:05"]);
  expect(timeLabels([midnight, midnight + 86_400_000], 86_400_000, "utc")).toEqual([
    "2026-01-31",
    "2026-02-01",
  ]);
});

test("value labels are short, and exact", () => {
  expect(valueLabels([0, 20, 40, 100])).toEqual(["0", "20", "40", "100"]);
  expect(valueLabels([6e9, 6.2e9, 6.4e9])).toEqual(["6B", "6.2B", "6.4B"]);
  expect(valueLabels([6_000_000_000, 6_000_100_000])).toEqual(["6B", "6.0001B"]);
  expect(valueLabels([-0.5, 0, 0.5])).toEqual(["−0.5", "0", "0.5"]);
  expect(valueLabels([1, 1.25, 1.5])).toEqual(["1", "1.25", "1.5"]);
  expect(valueLabels([0, 12_500, 25_000])).toEqual(["0", "12.5K", "25K"]);
  expect(valueLabels([1e-9, 2e-9])).toEqual(["1e−9", "2e−9"]);
  expect(valueLabels([0])).toEqual(["0"]);
});
