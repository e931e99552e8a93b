/** A list of incidents that stays current: what changes, and what was there, across lost connections. */
import type { Client } from "@connectrpc/connect";
import {
  IncidentEvent_Type,
  type Incident,
  type IncidentEvent,
  type Incidents,
} from "../../gen/kizashi/v1/incidents_pb";
import type { sleep } from "../api/retry";
import { KeptConnection, type Connection } from "../feed/connection";
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
  #connection: KeptConnection;

  /** @param wait waits before another attempt */
  constructor(options: IncidentFeedOptions, wait?: typeof sleep) {
    this.#options = options;
    this.#connection = new KeptConnection(
      (signal, onLive) => this.#watch(signal, onLive),
      options.onConnection,
      wait,
    );
  }

  /** Watches and lists until `stop` or `pause`. */
  start(): void {
    this.#connection.start();
  }

  stop(): void {
    this.#connection.stop();
  }

  /** Gives the connection up; `start` lists again. */
  pause(): void {
    this.#connection.pause();
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

  /** The list begins once the watch has, so that nothing is missed between the two. */
  async #watch(signal: AbortSignal, onLive: () => void): Promise<void> {
    const listing = new AbortController();
    const either = AbortSignal.any([signal, listing.signal]);
    let early: IncidentEvent[] | undefined = [];
    const begin = async () => {
      try {
        await this.#list(either);
        early?.forEach((event) => this.#apply(event));
        early = undefined;
        onLive();
      } catch (error) {
        listing.abort(error);
      }
    };
    try {
      const watched = { signal: either, onHeader: () => void begin() };
      for await (const event of this.#options.client.watchIncidents({}, watched)) {
        if (early === undefined) this.#apply(event);
        else early.push(event);
      }
    } catch (error) {
      // It was the list that failed, and took the watch with it.
      throw listing.signal.aborted ? listing.signal.reason : error;
    } finally {
      listing.abort();
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
