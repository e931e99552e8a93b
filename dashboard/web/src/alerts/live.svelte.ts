/** A feed of alerts as reactive state, tied to whether the page is looked at. */
import { alertsClient } from "../api/client";
import { link } from "../shell/link.svelte";
import type { Connection } from "../feed/connection";
import { whileLookedAt } from "../feed/looked";
import { AlertFeed, type FeedOptions } from "./feed";
import type { Alert } from "../../gen/kizashi/v1/alerts_pb";

/** How long a change is marked as new. */
const freshMs = 5_000;

type Shown = Pick<FeedOptions, "list" | "watch" | "keeps" | "onEvent">;

export class LiveAlerts {
  alerts = $state.raw<readonly Alert[]>([]);
  more = $state(false);
  /** Whether the list has come in, so that an empty one means that there are no alerts. */
  listed = $state(false);
  connection = $state.raw<Connection>({ state: "connecting" });
  /** Ids of the alerts that came in or changed while watching. */
  fresh = $state.raw<ReadonlySet<string>>(new Set());
  #feed: AlertFeed | undefined;

  /** Shows the alerts of a filter from now on. Returns how to end it. */
  show(shown: Shown): () => void {
    // The alerts of another filter stay until those of this one are known, so that the page doesn't jump.
    this.listed = false;
    this.fresh = new Set();
    const feed = new AlertFeed({
      ...shown,
      client: alertsClient,
      onAlerts: (alerts, more) => {
        this.alerts = [...alerts];
        this.more = more;
        this.listed = true;
      },
      onConnection: (connection) => {
        this.connection = connection;
        link.feed = connection;
      },
      onEvent: (event) => {
        if (event.alert !== undefined) this.#mark(event.alert.id);
        shown.onEvent?.(event);
      },
    });
    this.#feed = feed;
    return whileLookedAt(feed);
  }

  #mark(id: string): void {
    this.fresh = new Set([...this.fresh, id]);
    setTimeout(() => (this.fresh = new Set([...this.fresh].filter((other) => other !== id))), freshMs);
  }

  async loadMore(): Promise<void> {
    await this.#feed?.loadMore();
  }
}
