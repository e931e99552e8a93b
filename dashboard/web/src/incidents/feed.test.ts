import { create } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError, type CallOptions } from "@connectrpc/connect";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import {
  IncidentEvent_Type,
  IncidentEventSchema,
  IncidentSchema,
  type Incident,
} from "../../gen/kizashi/v1/incidents_pb";
import type { Connection } from "../feed/connection";
import { IncidentFeed, type IncidentFeedOptions } from "./feed";

function incident(id: string, openedMs: number, closedMs?: number): Incident {
  return create(IncidentSchema, {
    id,
    opened: timestampFromMs(openedMs),
    ...(closedMs === undefined ? {} : { closed: timestampFromMs(closedMs) }),
  });
}

function event(type: IncidentEvent_Type, changed: Incident) {
  return create(IncidentEventSchema, { type, incident: changed });
}

type Step = () => Iterable<ReturnType<typeof event>>;

/** A server whose watches give what `script` says, one step a call; further ones stay open and silent. */
class Server {
  pages: Record<string, { incidents: Incident[]; nextPageToken: string }> = {};
  script: Step[] = [];
  watches = 0;
  failLists = 0;

  client(): IncidentFeedOptions["client"] {
    const client = {
      listIncidents: async ({ pageToken = "", open }: { pageToken?: string; open?: boolean }) => {
        if (this.failLists > 0) {
          this.failLists -= 1;
          throw new ConnectError("not yet", Code.Unavailable);
        }
        const page = this.pages[pageToken]!;
        if (open === undefined) return page;
        return { incidents: page.incidents.filter(({ closed }) => closed === undefined), nextPageToken: "" };
      },
      watchIncidents: (_: object, options: CallOptions) => this.#watch(options),
    };
    return client as unknown as IncidentFeedOptions["client"];
  }

  async *#watch({ signal, onHeader }: CallOptions) {
    this.watches += 1;
    const step = this.script.shift();
    onHeader?.(new Headers());
    if (step !== undefined) yield* step();
    await new Promise<void>((resolve) => {
      if (signal?.aborted) resolve();
      signal?.addEventListener("abort", () => resolve());
    });
    throw new ConnectError("aborted", Code.Canceled);
  }
}

let shown: string[];
let more: boolean;
let connections: Connection["state"][];
let feed: IncidentFeed;

function feedOf(server: Server): IncidentFeed {
  feed = new IncidentFeed(
    {
      client: server.client(),
      onIncidents: (incidents, hasMore) => {
        shown = incidents.map(({ id, closed }) => (closed === undefined ? id : `${id} closed`));
        more = hasMore;
      },
      onConnection: ({ state }) => connections.push(state),
    },
    () => Promise.resolve(),
  );
  return feed;
}

beforeEach(() => {
  shown = [];
  connections = [];
});

afterEach(() => {
  feed.stop();
});

test("open incidents come first, and events that came before the list count", async () => {
  const server = new Server();
  server.pages[""] = {
    incidents: [incident("c", 30, 35), incident("b", 20), incident("a", 10)],
    nextPageToken: "",
  };
  server.script = [
    function* () {
      yield event(IncidentEvent_Type.OPENED, incident("d", 40));
      yield event(IncidentEvent_Type.CLOSED, incident("b", 20, 50));
      yield event(IncidentEvent_Type.REMOVED, incident("a", 10));
    },
  ];
  feedOf(server).start();
  await vi.waitFor(() => expect(shown).toEqual(["d", "c closed", "b closed"]));
  expect(connections).toEqual(["connecting", "live"]);
});

test("a lost watch, or a list that fails, leads to both anew", async () => {
  const server = new Server();
  server.pages[""] = { incidents: [], nextPageToken: "" };
  server.failLists = 1;
  server.script = [
    function* () {},
    function* () {
      server.pages[""] = { incidents: [incident("a", 10)], nextPageToken: "" };
      throw new ConnectError("going down", Code.Unavailable);
    },
  ];
  feedOf(server).start();
  await vi.waitFor(() => expect(shown).toEqual(["a"]));
  await vi.waitFor(() => expect(connections.at(-1)).toBe("live"));
  expect(connections).toContain("retrying");
  expect(server.watches).toBe(3);
});

test("older pages are appended", async () => {
  const server = new Server();
  server.pages[""] = { incidents: [incident("c", 30, 35)], nextPageToken: "page 2" };
  server.pages["page 2"] = { incidents: [incident("b", 20, 25), incident("a", 10, 15)], nextPageToken: "" };
  feedOf(server).start();
  await vi.waitFor(() => expect(more).toBe(true));
  await feed.loadMore();
  expect([shown, more]).toEqual([["c closed", "b closed", "a closed"], false]);
});
