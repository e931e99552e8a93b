/** A feed of incidents as reactive state, tied to whether the page is looked at. */
import type { Incident, IncidentEvent } from "../../gen/kizashi/v1/incidents_pb";
import type { Connection } from "../feed/connection";
import { whileLookedAt } from "../feed/looked";
import { incidentsClient } from "../api/client";
import { link } from "../shell/link.svelte";
import { IncidentFeed } from "./feed";

export class LiveIncidents {
  incidents = $state.raw<readonly Incident[]>([]);
  more = $state(false);
  /** Whether the list has come in, so that an empty one means that there are no incidents. */
  listed = $state(false);
  connection = $state.raw<Connection>({ state: "connecting" });
  #feed: IncidentFeed | undefined;

  /** Shows incidents from now on. Returns how to end it. */
  show(onEvent: (event: IncidentEvent) => void): () => void {
    const feed = new IncidentFeed({
      client: incidentsClient,
      onIncidents: (incidents, more) => {
        this.incidents = incidents;
        this.more = more;
        this.listed = true;
      },
      onConnection: (connection) => {
        this.connection = connection;
        link.feed = connection;
      },
      onEvent,
    });
    this.#feed = feed;
    return whileLookedAt(feed);
  }

  async loadMore(): Promise<void> {
    await this.#feed?.loadMore();
  }
}
