/** Labels of the axes. */
import { date, timeOfDay, type Zone } from "../format/time";

/**
 * Labels of a time axis with a tick each `stepMs`: no finer than the step, the date where it changes.
 */
export function timeLabels(ticksMs: readonly number[], stepMs: number, zone: Zone): string[] {
  let day = "";
  return ticksMs.map((tick) => {
    const at = date(tick, zone);
    const changed = day !== "" && day !== at;
    day = at;
    if (stepMs >= 86_400_000) return at;
    const time = timeOfDay(tick, zone);
    if (changed) return at.slice(5);
    return stepMs >= 60_000 ? time.slice(0, 5) : time;
  });
}

const units = [
  [1e12, "T"],
  [1e9, "B"],
  [1e6, "M"],
  [1e3, "K"],
] as const;

/** Labels of a value axis with ticks at equal steps: as short as they can be while they are exact. */
export function valueLabels(ticks: readonly number[]): string[] {
  const largest = Math.max(0, ...ticks.map(Math.abs));
  const step = ticks.length > 1 ? Math.abs((ticks[1] as number) - (ticks[0] as number)) : largest;
  if (largest === 0 || step === 0) return ticks.map(String);
  if (largest < 1e-4 || largest >= 1e15) {
    const digits = Math.min(15, Math.ceil(Math.log10(largest / step)) + 1);
    return ticks.map((tick) => Number(tick.toPrecision(digits)).toExponential().replaceAll("-", "−"));
  }
  const [size, suffix] = largest < 10_000 ? [1, ""] : (units.find(([unit]) => largest >= unit) ?? [1, ""]);
  const digits = decimals(step / size);
  return ticks.map((tick) =>
    `${Number((tick / size).toFixed(digits))}${tick === 0 ? "" : suffix}`.replace("-", "−"),
  );
}

/** How many decimals a step needs. */
function decimals(step: number): number {
  let digits = 0;
  while (digits < 12 && Math.abs(Number(step.toFixed(digits)) - step) > step / 1e6) digits += 1;
  return digits;
}
