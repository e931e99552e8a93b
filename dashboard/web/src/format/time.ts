/** Times as text. A time is a number of milliseconds since the Unix epoch. */
import type { Timestamp } from "@bufbuild/protobuf/wkt";

export type Zone = "local" | "utc";

const minute = 60_000;
const hour = 60 * minute;
const day = 24 * hour;
const year = 365.25 * day;

export function toMs(timestamp: Timestamp): number {
  return Number(timestamp.seconds) * 1000 + timestamp.nanos / 1e6;
}

const two = (part: number) => String(part).padStart(2, "0");

/** "+09:00" for the local zone at that time. */
function offset(ms: number): string {
  const minutes = -new Date(ms).getTimezoneOffset();
  const sign = minutes < 0 ? "-" : "+";
  return `${sign}${two(Math.floor(Math.abs(minutes) / 60))}:${two(Math.abs(minutes) % 60)}`;
}

/** "2026-01-31" */
export function date(ms: number, zone: Zone): string {
  const shifted = zone === "utc" ? new Date(ms) : new Date(ms - new Date(ms).getTimezoneOffset() * minute);
  return Number.isNaN(shifted.getTime()) ? "unknown" : shifted.toISOString().slice(0, 10);
}

/** "23:59:58", or "23:59:58.250" where there are milliseconds. */
export function timeOfDay(ms: number, zone: Zone): string {
  const at = new Date(ms);
  const [h, m, s] =
    zone === "utc"
      ? [at.getUTCHours(), at.getUTCMinutes(), at.getUTCSeconds()]
      : [at.getHours(), at.getMinutes(), at.getSeconds()];
  const fraction = Math.trunc(((ms % 1000) + 1000) % 1000);
  return `${two(h)}:${two(m)}:${two(s)}${fraction === 0 ? "" : `.${String(fraction).padStart(3, "0")}`}`;
}

/** "UTC", or "UTC+09:00" for the local zone at that time. */
export function zoneName(ms: number, zone: Zone): string {
  return zone === "utc" ? "UTC" : `UTC${offset(ms)}`;
}

/** "2026-01-31 23:59:58": to the second, in a zone that is named elsewhere. */
export function dateAndTime(ms: number, zone: Zone): string {
  const second = Math.floor(ms / 1000) * 1000;
  return `${date(second, zone)} ${timeOfDay(second, zone)}`;
}

/** "2026-01-31 23:59:58 UTC+09:00": to the second. */
export function exact(ms: number, zone: Zone): string {
  return `${dateAndTime(ms, zone)} ${zoneName(ms, zone)}`;
}

/** "3 min 20 s": the two largest units of a span. */
export function duration(ms: number): string {
  if (ms < 1000) return `${Math.max(0, Math.round(ms))} ms`;
  if (ms < minute) return `${Math.floor(ms / 1000)} s`;
  const pair = (large: number, largeName: string, small: number, smallName: string) => {
    const rest = Math.floor((ms % large) / small);
    return `${Math.floor(ms / large)} ${largeName}${rest === 0 ? "" : ` ${rest} ${smallName}`}`;
  };
  if (ms < hour) return pair(minute, "min", 1000, "s");
  if (ms < day) return pair(hour, "h", minute, "min");
  return pair(day, "d", hour, "h");
}

/** "3 min ago": the largest unit, rounded down. */
export function relative(ms: number, now: number): string {
  const ago = now - ms;
  if (ago < -1000) return `in ${largestUnit(-ago)}`;
  return ago < 1000 ? "just now" : `${largestUnit(ago)} ago`;
}

function largestUnit(span: number): string {
  if (span < minute) return `${Math.floor(span / 1000)} s`;
  if (span < hour) return `${Math.floor(span / minute)} min`;
  if (span < 2 * day) return `${Math.floor(span / hour)} h`;
  return span < 2 * year ? `${Math.floor(span / day)} d` : `${Math.floor(span / year)} years`;
}
