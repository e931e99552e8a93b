const delayMsMin = 500;
const delayMsMax = 15_000;

/**
 * How long to wait before the next attempt after so many failures in a row: doubling from half a second
 * to fifteen, less up to a quarter, so that many open pages don't come back in step.
 *
 * @param random in [0, 1)
 */
export function backoffMs(failures: number, random: number = Math.random()): number {
  const whole = Math.min(delayMsMax, delayMsMin * 2 ** Math.max(0, failures - 1));
  return whole * (1 - random / 4);
}

/** Resolves after `ms`, or as soon as `signal` is aborted. */
export function sleep(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    const done = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal.addEventListener("abort", done);
  });
}
