/** The range of time that a series' page shows. */

export type Range =
  /** The last `ms` before now, or before the newest observation where that is older. */
  { kind: "last"; ms: number } | { kind: "span"; startMs: number; endMs: number };

const minute = 60_000;
const hour = 60 * minute;

/** By their names in an address. */
export const presets = { "15m": 15 * minute, "1h": hour, "6h": 6 * hour, "24h": 24 * hour };
export type Preset = keyof typeof presets;
export const presetLabels: Record<Preset, string> = {
  "15m": "15 min",
  "1h": "1 h",
  "6h": "6 h",
  "24h": "24 h",
};
const presetNames = Object.keys(presets) as Preset[];

/** Narrower than this shows nothing that is not in the table. */
const spanMsMin = 1_000;
/** Wider than this can't be asked for. */
const spanMsMax = 400 * 24 * hour;

export function presetOf(range: Range): Preset | undefined {
  return range.kind === "last" ? presetNames.find((name) => presets[name] === range.ms) : undefined;
}

/** What an address says; absent where it says nothing that can be shown. */
export function rangeFromSearch(search: URLSearchParams): Range | undefined {
  const name = presetNames.find((preset) => preset === search.get("range"));
  if (name !== undefined) return { kind: "last", ms: presets[name] };
  const [from, to] = [search.get("from"), search.get("to")];
  if (from === null || to === null) return undefined;
  const [startMs, endMs] = [Date.parse(from), Date.parse(to)];
  return endMs - startMs >= spanMsMin ? { kind: "span", startMs, endMs } : undefined;
}

export function rangeToSearch(range: Range): Record<string, string> {
  if (range.kind === "last") return { range: presetOf(range) ?? "1h" };
  return { from: new Date(range.startMs).toISOString(), to: new Date(range.endMs).toISOString() };
}

/** A span with whole milliseconds, neither too narrow nor too wide, around the same middle. */
export function span(startMs: number, endMs: number): Range {
  const middle = (startMs + endMs) / 2;
  const half = Math.min(Math.max(endMs - startMs, spanMsMin), spanMsMax) / 2;
  return { kind: "span", startMs: Math.round(middle - half), endMs: Math.round(middle + half) };
}

/** An alert with its surroundings: as much again on each side, and at least a quarter of an hour. */
export function around(openedMs: number, endedMs: number): Range {
  const margin = Math.max(endedMs - openedMs, 15 * minute);
  return span(openedMs - margin, endedMs + margin);
}

/** Moves a shown span by a share of its width: negative is earlier. */
export function panned(startMs: number, endMs: number, share: number): Range {
  const by = (endMs - startMs) * share;
  return span(startMs + by, endMs + by);
}

/** Widens a shown span around its middle; below 1 it narrows. */
export function zoomed(startMs: number, endMs: number, factor: number): Range {
  const by = ((endMs - startMs) * (factor - 1)) / 2;
  return span(startMs - by, endMs + by);
}
