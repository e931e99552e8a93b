/** Asks for the points of a range. */
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import type { Client } from "@connectrpc/connect";
import type { Series } from "../../gen/kizashi/v1/series_pb";
import { curveOf, type Curve } from "./points";
import type { Range } from "./range";

export interface Loaded {
  /** What the time axis spans. */
  startMs: number;
  endMs: number;
  curves: Curve[];
  downsampled: boolean;
  /** Time of the newest observation known; absent where the series has none. */
  newestMs: number | undefined;
}

export interface Wanted {
  series: string;
  /** Empty: any. */
  stream: string;
  range: Range;
  /** At most so many points a field. */
  pointsMax: number;
  /** The newest observation as far as is known. */
  newestMs: number | undefined;
  nowMs: number;
}

export async function load(
  client: Client<typeof Series>,
  wanted: Wanted,
  signal: AbortSignal,
): Promise<Loaded> {
  const { series, stream, range, pointsMax, nowMs } = wanted;
  const options = { signal, timeoutMs: 20_000 };
  if (range.kind === "span") {
    const { startMs, endMs } = range;
    const answer = await client.querySeries(
      { series, stream, start: timestampFromMs(startMs), end: timestampFromMs(endMs), pointsMax },
      options,
    );
    const curves = answer.fields.map(curveOf);
    return { startMs, endMs, curves, downsampled: answer.downsampled, newestMs: wanted.newestMs };
  }
  // Without a range the service answers with what ends at the newest observation.
  const newestMs =
    wanted.newestMs ??
    newestOf((await client.querySeries({ series, stream, pointsMax: 10 }, options)).fields.map(curveOf));
  if (newestMs === undefined) {
    return { startMs: nowMs - range.ms, endMs: nowMs, curves: [], downsampled: false, newestMs };
  }
  const endMs = axisEnd(newestMs, nowMs, range.ms);
  const startMs = endMs - range.ms;
  const answer = await client.querySeries(
    { series, stream, start: timestampFromMs(startMs), pointsMax },
    options,
  );
  const curves = answer.fields.map(curveOf);
  return { startMs, endMs, curves, downsampled: answer.downsampled, newestMs: newestOf(curves) ?? newestMs };
}

/** Now, for a series that is alive within the range; else its newest observation, such as of an old file. */
function axisEnd(newestMs: number, nowMs: number, rangeMs: number): number {
  return newestMs > nowMs || nowMs - newestMs > rangeMs ? newestMs : nowMs;
}

function newestOf(curves: Curve[]): number | undefined {
  const times = curves.flatMap((curve) => curve.timeMs.at(-1) ?? []);
  return times.length === 0 ? undefined : Math.max(...times);
}
