import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { expect, test } from "vitest";
import { date, duration, exact, relative, timeOfDay, toMs, zoneName } from "./time";

const at = Date.UTC(2026, 0, 31, 23, 59, 58);

test("exact times name their zone", () => {
  expect(exact(at + 999, "utc")).toBe("2026-01-31 23:59:58 UTC");
  expect(zoneName(at, "local")).toMatch(/^UTC[+-]\d\d:\d\d$/);
  expect(exact(at, "local")).toBe(`${date(at, "local")} ${timeOfDay(at, "local")} ${zoneName(at, "local")}`);
});

test("the local date and time of day are those of Date", () => {
  const local = new Date(2026, 2, 4, 5, 6, 7);
  expect(date(local.getTime(), "local")).toBe("2026-03-04");
  expect(timeOfDay(local.getTime(), "local")).toBe("05:06:07");
});

test("milliseconds are shown where there are some, also before 1970", () => {
  expect(timeOfDay(at + 250, "utc")).toBe("23:59:58.250");
  expect(timeOfDay(-750, "utc")).toBe("23:59:59.250");
});

test("a time out of the calendar is unknown, not an error", () => {
  expect(date(9e15, "utc")).toBe("unknown");
});

test.each([
  [-5, "0 ms"],
  [250, "250 ms"],
  [59_999, "59 s"],
  [60_000, "1 min"],
  [200_000, "3 min 20 s"],
  [7_500_000, "2 h 5 min"],
  [90_000_000, "1 d 1 h"],
])("%d ms last %s", (ms, text) => expect(duration(ms)).toBe(text));

test.each([
  [-90_000, "in 1 min"],
  [500, "just now"],
  [12_000, "12 s ago"],
  [3_599_000, "59 min ago"],
  [100_000_000, "27 h ago"],
  [300_000_000, "3 d ago"],
  [4e11, "12 years ago"],
])("%d ms back is %s", (ago, text) => expect(relative(at - ago, at)).toBe(text));

test("a timestamp keeps its milliseconds", () => expect(toMs(timestampFromMs(at + 7))).toBe(at + 7));
