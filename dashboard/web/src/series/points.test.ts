import { create } from "@bufbuild/protobuf";
import { expect, test } from "vitest";
import { FieldPointsSchema } from "../../gen/kizashi/v1/series_pb";
import { curveOf, isOutside, shownRange, summary } from "./points";

function curve(times: number[], values = times) {
  return curveOf(
    create(FieldPointsSchema, {
      timeMs: times.map(BigInt),
      value: values,
      lower: times.map(() => 0),
      upper: times.map(() => 10),
    }),
  );
}

test("a silence breaks the line, an odd step does not", () => {
  const times = Array.from({ length: 20 }, (_, i) => 1000 * i);
  const odd = times.with(10, 10_400);
  expect(curve(odd).timeMs).toEqual(odd);
  const late = times.map((time, i) => (i < 15 ? time : time + 60_000));
  const broken = curve(late);
  expect(broken.timeMs.length).toBe(21);
  expect([broken.timeMs[15], broken.value[15]]).toEqual([15_000, null]);
});

test("what is no number is not drawn", () => {
  expect(curve([0, 1, 2], [1, NaN, Infinity]).value).toEqual([1, null, null]);
  expect(curve([0, 1]).expected).toEqual([null, null]);
});

test("none and one point are curves as well", () => {
  expect(curve([]).timeMs).toEqual([]);
  expect(curve([7]).timeMs).toEqual([7]);
});

test("the summary says what the eye sees", () => {
  expect(summary(curve([0, 1, 2], [3, 12, 5]), String)).toBe(
    "values from 3 to 12, the newest 5, 1 of 3 outside the usual band",
  );
  expect(summary(curve([]), String)).toBe("no values in this range");
});

test("without a band nothing is outside of it", () => {
  expect([isOutside(5, null, undefined), isOutside(null, 0, 1), isOutside(-1, 0, null)]).toEqual([
    false,
    false,
    true,
  ]);
});

test("a chart shows all values, and the band no further than their spread", () => {
  expect(shownRange(curve([0, 1], [4, 6]))).toEqual([2, 8]);
  expect(shownRange(curve([0, 1], [1, 9]))).toEqual([0, 10]);
  expect(shownRange(curve([0, 1], [-5, 25]))).toEqual([-5, 25]);
  expect(shownRange(curve([0, 1], [5, 5]))).toEqual([0, 10]);
  expect(shownRange(curve([]))).toEqual([0, 1]);
});
