/** Series to put: usual noise, and a burst that no detector should miss. */

/** A small generator of pseudo-random numbers (mulberry32), so that a seed names a series. */
function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** About standard normal: the sum of twelve uniforms less six. */
function normals(seed: number): () => number {
  const uniform = random(seed);
  return () => Array.from({ length: 12 }, uniform).reduce((sum, x) => sum + x, -6);
}

/** Usual time from one observation to the next. */
export const stepMs = 10_000;

/** Usual observations that end at `endMs`: level 50 with a spread of 1. */
export function usual(series: string, count: number, endMs: number, seed = 1, everyMs = stepMs): object[] {
  const normal = normals(seed);
  return Array.from({ length: count }, (_, i) => ({
    series,
    time: endMs - (count - 1 - i) * everyMs,
    value: 50 + normal(),
  }));
}

/** Observations after `fromMs` that lie 40 spreads above the usual ones. */
export function burst(series: string, count: number, fromMs: number): object[] {
  return Array.from({ length: count }, (_, i) => ({
    series,
    time: fromMs + (i + 1) * stepMs,
    value: 90 + (i % 2),
  }));
}

/** Usual observations of three fields. */
export function vector(series: string, count: number, endMs: number, seed = 7): object[] {
  const normal = normals(seed);
  return Array.from({ length: count }, (_, i) => ({
    series,
    time: endMs - (count - 1 - i) * stepMs,
    values: { read: 120 + 5 * normal(), write: 40 + 2 * normal(), wait: 3 + 0.2 * normal() },
  }));
}
