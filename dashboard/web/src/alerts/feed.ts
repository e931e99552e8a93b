/** A list of alerts that stays current: what is there, then what changes, across lost connections. */
import { Code, type Client } from "@connectrpc/connect";
import type { Alert, AlertEvent, Alerts } from "../../gen/kizashi/v1/alerts_pb";
import { hasCode } from "../api/errors";
import type { sleep } from "../api/retry";
import { KeptConnection, type Connection } from "../feed/connection";
import { toMs } from "../format/time";

/** What a feed shows and to whom it tells it. */
export interface FeedOptions {
  client: Client<typeof Alerts>;
  /** Filter of the list. */
  list: string;
  /** Filter of the watch: wider than the list's where that has terms that change over an alert's life. */
  watch: string;
  /** Whether an alert that passed the watch's filter belongs to the list. */
  keeps: (alert: Alert) => boolean;
  /** Called after each change of the list. */
  onAlerts: (alerts: readonly Alert[], more: boolean) => void;
  onConnection: (connection: Connection) => void;
  /** Called for each event that came in while watching, kept or not. */
  onEvent?: (event: AlertEvent) => void;
}

const pageSize = 50;
/** More rows than this help nobody, and each costs memory. */
export const alertsMax = 2_000;

export class AlertFeed {
  #options: FeedOptions;
  #alerts: Alert[] = [];
  #nextPage = "";
  #resumeToken: string | undefined;
  #connection: KeptConnection;

  /** @param wait waits before another attempt */
  constructor(options: FeedOptions, wait?: typeof sleep) {
    this.#options = options;
    this.#connection = new KeptConnection(
      (signal, onLive) => this.#watch(signal, onLive),
      options.onConnection,
      wait,
    );
  }

  /** Lists, unless that was done, and watches until `stop` or `pause`. */
  start(): void {
    this.#connection.start();
  }

  stop(): void {
    this.#connection.stop();
  }

  /** Gives the connection up; `start` goes on behind the last event seen. */
  pause(): void {
    this.#connection.pause();
  }

  /** Appends the next page of older alerts. */
  async loadMore(): Promise<void> {
    if (this.#nextPage === "") return;
    const token = this.#nextPage;
    const page = await this.#options.client.listAlerts({
      filter: this.#options.list,
      pageSize,
      pageToken: token,
    });
    if (token !== this.#nextPage) return;
    this.#nextPage = page.nextPageToken;
    // What changed while the page was on its way is newer than the page.
    const known = new Set(this.#alerts.map((alert) => alert.id));
    this.#publish([...this.#alerts, ...page.alerts.filter((alert) => !known.has(alert.id))]);
  }

  async #watch(signal: AbortSignal, onLive: () => void): Promise<void> {
    try {
      this.#resumeToken ??= await this.#list(signal);
      const events = this.#options.client.watchAlerts(
        { filter: this.#options.watch, resumeToken: this.#resumeToken },
        { signal, onHeader: onLive },
      );
      for await (const event of events) {
        this.#resumeToken = event.resumeToken;
        this.#apply(event);
      }
    } catch (error) {
      // The events behind the token are gone: the list has what came of them.
      if (hasCode(error, Code.OutOfRange)) this.#resumeToken = undefined;
      throw error;
    }
  }

  async #list(signal: AbortSignal): Promise<string> {
    const page = await this.#options.client.listAlerts(
      { filter: this.#options.list, pageSize },
      { signal, timeoutMs: 15_000 },
    );
    this.#nextPage = page.nextPageToken;
    this.#publish(page.alerts);
    return page.watchToken;
  }

  #apply(event: AlertEvent): void {
    const { alert } = event;
    if (alert === undefined) return;
    const others = this.#alerts.filter((other) => other.id !== alert.id);
    if (this.#options.keeps(alert)) others.push(alert);
    this.#publish(others);
    this.#options.onEvent?.(event);
  }

  #publish(alerts: Alert[]): void {
    this.#alerts = alerts.sort(newestFirst).slice(0, alertsMax);
    if (this.#alerts.length === alertsMax) this.#nextPage = "";
    this.#options.onAlerts(this.#alerts, this.#nextPage !== "");
  }
}

function newestFirst(a: Alert, b: Alert): number {
  const opened = (alert: Alert) => (alert.opened === undefined ? 0 : toMs(alert.opened));
  return opened(b) - opened(a) || (a.id < b.id ? -1 : 1);
}
