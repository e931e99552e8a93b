/** How the page stands with the server, as the header shows it. */
import type { Connection } from "../feed/connection";

class Link {
  /** Of the feed of alerts on this page; absent on pages without one. */
  feed = $state<Connection | undefined>();
  /** Of the regular question for the worker's state. */
  poll = $state<Connection>({ state: "connecting" });
  readonly shown = $derived(this.feed ?? this.poll);
}

export const link = new Link();
