/** A list of alerts that stays current: what is there, then what changes, across lost connections. */
import { Code, ConnectError, type Client } from "@connectrpc/connect";
import type { Alert, AlertEvent, Alerts } from "../../gen/kizashi/v1/alerts_pb";
import { explain, hasCode } from "../api/errors";
import { backoffMs, sleep } from "../api/retry";
import { toMs } from "../format/time";

export type Connection =
  | { state: "connecting" }
  | { state: "live" }
  /** The page is in the background; the connection was given up and is resumed with the page. */
  | { state: "paused" }
  | { state: "retrying"; reason: string; atMs: number };

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
  #stop: AbortController | undefined;
  #wait: typeof sleep;

  /** @param wait waits before another attempt */
  constructor(options: FeedOptions, wait = sleep) {
    this.#options = options;
    this.#wait = wait;
  }

  /** Lists, unless that was done, and watches until `stop` or `pause`. */
  start(): void {
    if (this.#stop !== undefined) return;
    this.#stop = new AbortController();
    void this.#run(this.#stop.signal);
  }

  stop(): void {
    this.#stop?.abort();
    this.#stop = undefined;
  }

  /** Gives the connection up; `start` goes on behind the last event seen. */
  pause(): void {
    this.stop();
    this.#options.onConnection({ state: "paused" });
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

  async #run(signal: AbortSignal): Promise<void> {
    let failures = 0;
    this.#options.onConnection({ state: "connecting" });
    while (!signal.aborted) {
      try {
        this.#resumeToken ??= await this.#list(signal);
        const events = this.#options.client.watchAlerts(
          { filter: this.#options.watch, resumeToken: this.#resumeToken },
          {
            signal,
            onHeader: () => {
              failures = 0;
              this.#options.onConnection({ state: "live" });
            },
          },
        );
        for await (const event of events) {
          this.#resumeToken = event.resumeToken;
          this.#apply(event);
        }
        throw new ConnectError("it closed the connection", Code.Unavailable);
      } catch (error) {
        if (signal.aborted) return;
        // The events behind the token are gone: the list has what came of them.
        if (hasCode(error, Code.OutOfRange)) this.#resumeToken = undefined;
        failures += 1;
        const waitMs = backoffMs(failures);
        const reason = explain(error);
        this.#options.onConnection({ state: "retrying", reason, atMs: Date.now() + waitMs });
        await this.#wait(waitMs, signal);
      }
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
