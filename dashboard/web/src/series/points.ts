/** Points as the chart draws them. */
import type { FieldPoints } from "../../gen/kizashi/v1/series_pb";

export interface Curve {
  name: string;
  timeMs: number[];
  value: (number | null)[];
  expected: (number | null)[];
  lower: (number | null)[];
  upper: (number | null)[];
  surprise: (number | null)[];
  score: (number | null)[];
}

/** A step of more than this many usual ones is a gap: the line is broken there. */
const gapSteps = 5;

/** The curve of a field, with null for what is no number and a null point in each gap. */
export function curveOf(points: FieldPoints): Curve {
  const curve: Curve = {
    name: points.name,
    timeMs: [],
    value: [],
    expected: [],
    lower: [],
    upper: [],
    surprise: [],
    score: [],
  };
  const times = points.timeMs.map(Number);
  const step = usualStep(times);
  times.forEach((time, i) => {
    const before = times[i - 1];
    if (before !== undefined && step > 0 && time - before > gapSteps * step) {
      curve.timeMs.push(before + step);
      for (const column of [
        curve.value,
        curve.expected,
        curve.lower,
        curve.upper,
        curve.surprise,
        curve.score,
      ])
        column.push(null);
    }
    curve.timeMs.push(time);
    curve.value.push(finite(points.value[i]));
    curve.expected.push(finite(points.expected[i]));
    curve.lower.push(finite(points.lower[i]));
    curve.upper.push(finite(points.upper[i]));
    curve.surprise.push(finite(points.surprise[i]));
    curve.score.push(finite(points.anomalyScore[i]));
  });
  return curve;
}

function finite(x: number | undefined): number | null {
  return x !== undefined && Number.isFinite(x) ? x : null;
}

/** A step that nine of ten steps don't exceed: where points were reduced, three share a bucket of time. */
function usualStep(times: number[]): number {
  const steps = times
    .slice(1)
    .map((time, i) => time - (times[i] ?? time))
    .sort((a, b) => a - b);
  return steps[Math.floor(steps.length * 0.9)] ?? 0;
}

/** What a curve shows, in a sentence, for those who can't see it. */
export function summary(curve: Curve, format: (x: number) => string): string {
  const values = curve.value.filter((x) => x !== null);
  const newest = values.at(-1);
  if (newest === undefined) return "no values in this range";
  const [low, high] = extent(values);
  const outside = curve.value.filter((x, i) => isOutside(x, curve.lower[i], curve.upper[i])).length;
  return `values from ${format(low)} to ${format(high)}, the newest ${format(newest)}, ${outside} of ${values.length} outside the usual band`;
}

export function isOutside(
  x: number | null | undefined,
  lower: number | null | undefined,
  upper: number | null | undefined,
): boolean {
  return x != null && ((lower != null && x < lower) || (upper != null && x > upper));
}

/**
 * The range of values that a chart shows: all that was observed, and of the band as much as lies within once
 * the spread of the observed ones. A band that is wide for a while would flatten the curve else.
 */
export function shownRange(curve: Curve): [number, number] {
  const [low, high] = extent(curve.value);
  const [lower] = extent(curve.lower);
  const [, upper] = extent(curve.upper);
  if (low > high) return [0, 1];
  const spread = high - low;
  if (spread === 0) return [Math.min(low, lower), Math.max(high, upper)];
  return [Math.min(low, Math.max(lower, low - spread)), Math.max(high, Math.min(upper, high + spread))];
}

function extent(column: readonly (number | null)[]): [number, number] {
  return column.reduce<[number, number]>(
    ([min, max], x) => (x === null ? [min, max] : [Math.min(min, x), Math.max(max, x)]),
    [Infinity, -Infinity],
  );
}
