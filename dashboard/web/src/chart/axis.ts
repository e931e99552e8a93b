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

/** Labels of a value axis: as short as they can be while they differ. */
export function valueLabels(ticks: readonly number[]): string[] {
  const largest = Math.max(...ticks.map(Math.abs));
  const step = ticks.length > 1 ? Math.abs((ticks[1] as number) - (ticks[0] as number)) : largest;
  if (largest === 0 || step === 0) return ticks.map(String);
  const digits = Math.min(15, Math.max(1, Math.ceil(Math.log10(largest / step)) + 1));
  const small = largest < 1e-4;
  const format = new Intl.NumberFormat("en", {
    notation: small ? "scientific" : largest >= 10_000 ? "compact" : "standard",
    maximumSignificantDigits: digits,
  });
  return ticks.map((tick) => format.format(tick).replace("-", "−"));
}
