/** Which open incident an alert belongs to, asked for when alerts change: a page of alerts has one watch already. */
import type { Incident } from "../../gen/kizashi/v1/incidents_pb";
import { incidentsClient } from "../api/client";

/** Incidents follow the alerts within a fraction of this. */
const waitMs = 1_000;

export class IncidentLinks {
  #byAlert = $state.raw<ReadonlyMap<string, Incident>>(new Map());
  #waiting: ReturnType<typeof setTimeout> | undefined;

  /** The open incident of an alert, where it is known. */
  of(alert: string): Incident | undefined {
    return this.#byAlert.get(alert);
  }

  /** Asks soon; calls until then are one. */
  refresh(): void {
    this.#waiting ??= setTimeout(() => {
      this.#waiting = undefined;
      void this.#ask();
    }, waitMs);
  }

  stop(): void {
    clearTimeout(this.#waiting);
    this.#waiting = undefined;
  }

  async #ask(): Promise<void> {
    try {
      const page = await incidentsClient.listIncidents({ open: true, pageSize: 500 }, { timeoutMs: 5_000 });
      const members = page.incidents.flatMap((incident) =>
        incident.members.map(({ alert }) => [alert, incident] as const),
      );
      this.#byAlert = new Map(members);
    } catch {
      // Links are an extra; the page says itself when the service can't be reached.
    }
  }
}
