import { create } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError, type CallOptions } from "@connectrpc/connect";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { AlertEvent_Type, AlertEventSchema, AlertSchema, type Alert } from "../../gen/kizashi/v1/alerts_pb";
import type { Connection } from "../feed/connection";
import { AlertFeed, type FeedOptions } from "./feed";

function alert(id: string, openedMs: number, closedMs?: number): Alert {
  return create(AlertSchema, {
    id,
    opened: timestampFromMs(openedMs),
    ...(closedMs === undefined ? {} : { closed: timestampFromMs(closedMs) }),
  });
}

function event(type: AlertEvent_Type, changed: Alert, resumeToken: string) {
  return create(AlertEventSchema, { type, alert: changed, resumeToken });
}

type Step = () => Iterable<ReturnType<typeof event>>;

/** A server whose watches give what `script` says, one step a call; further ones stay open and silent. */
class Server {
  pages: Record<string, { alerts: Alert[]; nextPageToken: string }> = {};
  script: Step[] = [];
  lists = 0;
  tokens: string[] = [];

  client(): FeedOptions["client"] {
    const client = {
      listAlerts: async ({ pageToken = "" }) => {
        this.lists += 1;
        return { ...this.pages[pageToken], watchToken: `list-${this.lists}` };
      },
      watchAlerts: (request: { resumeToken: string }, options: CallOptions) => this.#watch(request, options),
    };
    return client as unknown as FeedOptions["client"];
  }

  async *#watch({ resumeToken }: { resumeToken: string }, { signal, onHeader }: CallOptions) {
    this.tokens.push(resumeToken);
    const step = this.script.shift();
    onHeader?.(new Headers());
    if (step !== undefined) return yield* step();
    await new Promise<void>((resolve) => signal?.addEventListener("abort", () => resolve()));
  }
}

let shown: string[];
let more: boolean;
let connections: Connection["state"][];
let feed: AlertFeed;

function feedOf(server: Server, options: Partial<FeedOptions> = {}): AlertFeed {
  const shows: FeedOptions = {
    client: server.client(),
    list: "",
    watch: "",
    keeps: () => true,
    onAlerts: (alerts, hasMore) => {
      shown = alerts.map(({ id, closed }) => (closed === undefined ? id : `${id} closed`));
      more = hasMore;
    },
    onConnection: ({ state }) => connections.push(state),
    ...options,
  };
  feed = new AlertFeed(shows, () => Promise.resolve());
  return feed;
}

beforeEach(() => {
  shown = [];
  connections = [];
});

afterEach(() => {
  feed.stop();
});

test("events change the list in place, newest first", async () => {
  const server = new Server();
  server.pages[""] = { alerts: [alert("b", 20), alert("a", 10)], nextPageToken: "" };
  server.script = [
    function* () {
      yield event(AlertEvent_Type.OPENED, alert("c", 30), "1");
      yield event(AlertEvent_Type.CLOSED, alert("b", 20, 40), "2");
    },
  ];
  feedOf(server).start();
  await vi.waitFor(() => expect(shown).toEqual(["c", "b closed", "a"]));
  expect(server.tokens[0]).toBe("list-1");
});

test("a lost watch is resumed behind the last event, without a second list", async () => {
  const server = new Server();
  server.pages[""] = { alerts: [], nextPageToken: "" };
  server.script = [
    function* () {
      yield event(AlertEvent_Type.OPENED, alert("a", 10), "1");
      throw new ConnectError("going down", Code.Unavailable);
    },
    function* () {
      throw new ConnectError("still down", Code.Unavailable);
    },
  ];
  feedOf(server).start();
  await vi.waitFor(() => expect(server.tokens).toEqual(["list-1", "1", "1"]));
  await vi.waitFor(() => expect(connections.at(-1)).toBe("live"));
  expect(connections).toContain("retrying");
  expect([server.lists, shown]).toEqual([1, ["a"]]);
});

test("a token that is too old leads to a new list", async () => {
  const server = new Server();
  server.pages[""] = { alerts: [alert("a", 10)], nextPageToken: "" };
  server.script = [
    function* () {
      server.pages[""] = { alerts: [alert("b", 20)], nextPageToken: "" };
      throw new ConnectError("no longer kept", Code.OutOfRange);
    },
  ];
  feedOf(server).start();
  await vi.waitFor(() => expect(server.tokens).toEqual(["list-1", "list-2"]));
  expect(shown).toEqual(["b"]);
});

test("an alert that the list no longer holds leaves it", async () => {
  const server = new Server();
  server.pages[""] = { alerts: [alert("a", 10)], nextPageToken: "" };
  server.script = [
    function* () {
      yield event(AlertEvent_Type.CLOSED, alert("a", 10, 20), "1");
    },
  ];
  feedOf(server, { keeps: ({ closed }) => closed === undefined }).start();
  await vi.waitFor(() => expect(server.tokens.length).toBeGreaterThan(1));
  expect(shown).toEqual([]);
});

test("older pages are appended, and don't undo what a watch has told", async () => {
  const server = new Server();
  server.pages[""] = { alerts: [alert("c", 30)], nextPageToken: "page 2" };
  server.pages["page 2"] = { alerts: [alert("b", 20), alert("a", 10)], nextPageToken: "" };
  server.script = [
    function* () {
      yield event(AlertEvent_Type.CLOSED, alert("b", 20, 40), "1");
    },
  ];
  feedOf(server).start();
  await vi.waitFor(() => expect(shown).toEqual(["c", "b closed"]));
  expect(more).toBe(true);
  await feed.loadMore();
  expect([shown, more]).toEqual([["c", "b closed", "a"], false]);
});

test("a paused feed goes on behind the last event", async () => {
  const server = new Server();
  server.pages[""] = { alerts: [], nextPageToken: "" };
  feedOf(server).start();
  await vi.waitFor(() => expect(connections.at(-1)).toBe("live"));
  feed.pause();
  expect(connections.at(-1)).toBe("paused");
  feed.start();
  await vi.waitFor(() => expect(server.tokens).toEqual(["list-1", "list-1"]));
  expect(server.lists).toBe(1);
});
