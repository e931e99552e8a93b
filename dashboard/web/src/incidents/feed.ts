/** A list of incidents that stays current: what changes, and what was there, across lost connections. */
import { Code, ConnectError, type Client } from "@connectrpc/connect";
import {
  IncidentEvent_Type,
  type Incident,
  type IncidentEvent,
  type Incidents,
} from "../../gen/kizashi/v1/incidents_pb";
import type { Connection } from "../alerts/feed";
import { explain } from "../api/errors";
import { backoffMs, sleep } from "../api/retry";
import { toMs } from "../format/time";

/** What a feed shows and to whom it tells it. */
export interface IncidentFeedOptions {
  client: Client<typeof Incidents>;
  /** Called after each change of the list. */
  onIncidents: (incidents: readonly Incident[], more: boolean) => void;
  onConnection: (connection: Connection) => void;
  /** Called for each event that came in while watching. */
  onEvent?: (event: IncidentEvent) => void;
}

const pageSize = 50;
const openMax = 500;
/** More rows than this help nobody, and each costs memory. */
export const incidentsMax = 1_000;

export class IncidentFeed {
  #options: IncidentFeedOptions;
  #incidents = new Map<string, Incident>();
  #nextPage = "";
  #stop: AbortController | undefined;
  #wait: typeof sleep;

  /** @param wait waits before another attempt */
  constructor(options: IncidentFeedOptions, wait = sleep) {
    this.#options = options;
    this.#wait = wait;
  }

  /** Watches and lists until `stop` or `pause`. */
  start(): void {
    if (this.#stop !== undefined) return;
    this.#stop = new AbortController();
    void this.#run(this.#stop.signal);
  }

  stop(): void {
    this.#stop?.abort();
    this.#stop = undefined;
  }

  /** Gives the connection up; `start` lists again. */
  pause(): void {
    this.stop();
    this.#options.onConnection({ state: "paused" });
  }

  /** Appends the next page of older incidents. */
  async loadMore(): Promise<void> {
    if (this.#nextPage === "") return;
    const token = this.#nextPage;
    const page = await this.#options.client.listIncidents({ pageSize, pageToken: token });
    if (token !== this.#nextPage) return;
    this.#nextPage = page.nextPageToken;
    // What changed while the page was on its way is newer than the page.
    for (const incident of page.incidents) {
      if (!this.#incidents.has(incident.id)) this.#incidents.set(incident.id, incident);
    }
    this.#publish();
  }

  async #run(signal: AbortSignal): Promise<void> {
    let failures = 0;
    this.#options.onConnection({ state: "connecting" });
    while (!signal.aborted) {
      const attempt = new AbortController();
      const end = () => attempt.abort();
      signal.addEventListener("abort", end);
      try {
        await this.#watch(attempt, () => (failures = 0));
        throw new ConnectError("it closed the connection", Code.Unavailable);
      } catch (error) {
        if (signal.aborted) return;
        failures += 1;
        const waitMs = backoffMs(failures);
        const reason = explain(attempt.signal.reason instanceof ConnectError ? attempt.signal.reason : error);
        this.#options.onConnection({ state: "retrying", reason, atMs: Date.now() + waitMs });
        await this.#wait(waitMs, signal);
      } finally {
        signal.removeEventListener("abort", end);
        attempt.abort();
      }
    }
  }

  /** The list begins once the watch has, so that nothing is missed between the two. */
  async #watch(attempt: AbortController, onLive: () => void): Promise<void> {
    const { signal } = attempt;
    let early: IncidentEvent[] | undefined = [];
    const begin = async () => {
      try {
        await this.#list(signal);
        early?.forEach((event) => this.#apply(event));
        early = undefined;
        onLive();
        this.#options.onConnection({ state: "live" });
      } catch (error) {
        attempt.abort(ConnectError.from(error));
      }
    };
    const events = this.#options.client.watchIncidents({}, { signal, onHeader: () => void begin() });
    for await (const event of events) {
      if (early === undefined) this.#apply(event);
      else early.push(event);
    }
  }

  async #list(signal: AbortSignal): Promise<void> {
    const { client } = this.#options;
    const limits = { signal, timeoutMs: 15_000 };
    const [open, newest] = await Promise.all([
      client.listIncidents({ open: true, pageSize: openMax }, limits),
      client.listIncidents({ pageSize }, limits),
    ]);
    this.#nextPage = newest.nextPageToken;
    this.#incidents = new Map([...open.incidents, ...newest.incidents].map((one) => [one.id, one]));
    this.#publish();
  }

  #apply(event: IncidentEvent): void {
    const { incident, type } = event;
    if (incident === undefined) return;
    if (type === IncidentEvent_Type.REMOVED) this.#incidents.delete(incident.id);
    else this.#incidents.set(incident.id, incident);
    this.#publish();
    this.#options.onEvent?.(event);
  }

  #publish(): void {
    const sorted = [...this.#incidents.values()].sort(openFirst).slice(0, incidentsMax);
    this.#incidents = new Map(sorted.map((incident) => [incident.id, incident]));
    if (sorted.length === incidentsMax) this.#nextPage = "";
    this.#options.onIncidents(sorted, this.#nextPage !== "");
  }
}

/** The open ones first, the newest first among each. */
function openFirst(a: Incident, b: Incident): number {
  const open = (incident: Incident) => Number(incident.closed === undefined);
  const opened = (incident: Incident) => (incident.opened === undefined ? 0 : toMs(incident.opened));
  return open(b) - open(a) || opened(b) - opened(a) || (a.id < b.id ? -1 : 1);
}
