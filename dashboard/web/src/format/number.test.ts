import { expect, test } from "vitest";
import { counted, percent, rarity, rate, score, value } from "./number";

test.each([
  [0, "0"],
  [1234.5678, "1,234.6"],
  [-0.5, "−0.5"],
  [0.000012, "1.2e−5"],
  [2e15, "2e15"],
  [-12346e10, "−1.235e14"],
  [Number.NaN, "no number"],
  [-Infinity, "−∞"],
])("the value %d is %s", (x, text) => expect(value(x)).toBe(text));

test.each([
  [-1, "1 in 1"],
  [1, "1 in 10"],
  [4.2, "1 in 16,000"],
  [6.2, "1 in 1.6 million"],
  [9.5, "1 in 3.2 billion"],
  [18.7, "1 in 10^18"],
  [Infinity, "never before"],
])("a surprise of %d is %s", (s, text) => expect(rarity(s)).toBe(text));

test("rates lose decimals as they grow", () => {
  expect([0, 0.04, 12.34, 99.96, 12345.6].map(rate)).toEqual(["0", "0", "12.3", "100", "12,346"]);
});

test("scores have two decimals at most", () => {
  expect([0.87812, 14.409, 0.5, 0.001, NaN].map(score)).toEqual(["0.88", "14.41", "0.5", "0", "no number"]);
});

test("shares and counts", () => {
  expect(percent(0.616)).toBe("62 %");
  expect([counted(1, "alert"), counted(2000n, "alert"), counted(0, "series", "series")]).toEqual([
    "1 alert",
    "2,000 alerts",
    "0 series",
  ]);
});
