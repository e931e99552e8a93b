import { timestampMs } from "@bufbuild/protobuf/wkt";
import { createClient, createRouterTransport } from "@connectrpc/connect";
import { expect, test } from "vitest";
import { Series, type QuerySeriesRequest } from "../../gen/kizashi/v1/series_pb";
import { load } from "./load";
import { span } from "./range";

const hour = 3_600_000;
const now = Date.UTC(2026, 0, 31);

/** A service whose series has one observation, at `newestMs`. */
function service(newestMs: number | undefined) {
  const asked: QuerySeriesRequest[] = [];
  const transport = createRouterTransport(({ service }) => {
    service(Series, {
      querySeries: (request) => {
        asked.push(request);
        if (newestMs === undefined) return { fields: [] };
        return { fields: [{ timeMs: [BigInt(newestMs)], value: [1] }], downsampled: true };
      },
    });
  });
  return { asked, client: createClient(Series, transport) };
}

function loadLast(server: ReturnType<typeof service>, newestMs?: number) {
  const wanted = {
    series: "s",
    stream: "events",
    range: { kind: "last", ms: hour } as const,
    pointsMax: 500,
    newestMs,
    nowMs: now,
  };
  return load(server.client, wanted, new AbortController().signal);
}

test("a living series is shown up to now", async () => {
  const server = service(now - 1000);
  const loaded = await loadLast(server);
  expect([loaded.startMs, loaded.endMs, loaded.newestMs]).toEqual([now - hour, now, now - 1000]);
  expect(server.asked.length).toBe(2);
  expect(timestampMs(server.asked[1]!.start!)).toBe(now - hour);
});

test("the newest observation is asked for only once", async () => {
  const server = service(now - 1000);
  await loadLast(server, now - 2000);
  expect(server.asked.length).toBe(1);
});

test.each([now - 3 * hour, now + 5 * hour])(
  "a series of another time is shown up to its end",
  async (newest) => {
    const loaded = await loadLast(service(newest));
    expect([loaded.startMs, loaded.endMs]).toEqual([newest - hour, newest]);
  },
);

test("a series without a past is empty", async () => {
  const loaded = await loadLast(service(undefined));
  expect([loaded.curves, loaded.newestMs, loaded.endMs]).toEqual([[], undefined, now]);
});

test("a span is asked for as it is", async () => {
  const server = service(now);
  const wanted = {
    series: "s",
    stream: "events",
    range: span(now - 500, now + 500),
    pointsMax: 500,
    newestMs: undefined,
    nowMs: now,
  };
  const loaded = await load(server.client, wanted, new AbortController().signal);
  expect([loaded.startMs, loaded.endMs, loaded.downsampled]).toEqual([now - 500, now + 500, true]);
  expect([server.asked[0]!.start, server.asked[0]!.end].map((time) => timestampMs(time!))).toEqual([
    now - 500,
    now + 500,
  ]);
});
