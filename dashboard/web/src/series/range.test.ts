import { expect, test } from "vitest";
import { around, panned, presetOf, rangeFromSearch, rangeToSearch, span, zoomed, type Range } from "./range";

const at = Date.UTC(2026, 0, 31);
const search = (range: Range) => new URLSearchParams(rangeToSearch(range));

test("a range survives the address", () => {
  const ranges: Range[] = [{ kind: "last", ms: 21_600_000 }, span(at, at + 90_500)];
  for (const range of ranges) expect(rangeFromSearch(search(range))).toEqual(range);
});

test.each(["", "range=2y", "from=2026-01-31T00:00:00Z", "from=x&to=y", "from=2026-01-31&to=2026-01-30"])(
  "the address %j names no range",
  (address) => expect(rangeFromSearch(new URLSearchParams(address))).toBeUndefined(),
);

test("only the last hours have a name", () => {
  expect(presetOf({ kind: "last", ms: 900_000 })).toBe("15m");
  expect(presetOf(span(at, at + 900_000))).toBeUndefined();
});

test("panning keeps the width, zooming keeps the middle", () => {
  expect(panned(at, at + 8_000, -0.5)).toEqual(span(at - 4_000, at + 4_000));
  expect(zoomed(at, at + 8_000, 2)).toEqual(span(at - 4_000, at + 12_000));
  expect(zoomed(at, at + 8_000, 0.5)).toEqual(span(at + 2_000, at + 6_000));
});

test("a span is never narrower than a second", () => {
  expect(zoomed(at, at + 1_000, 0.5)).toEqual(span(at, at + 1_000));
});

test("an alert is shown with what was before and after it", () => {
  expect(around(at, at + 1_000)).toEqual(span(at - 900_000, at + 901_000));
  expect(around(at, at + 3_600_000)).toEqual(span(at - 3_600_000, at + 7_200_000));
});
