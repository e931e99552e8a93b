import type { Zone } from "../format/time";
import { load, store } from "./stored";

/** The time that relative times count from, and the zone that exact ones are shown in. */
class Clock {
  now = $state(Date.now());
  zone = $state<Zone>(load("zone", ["local", "utc"], "local"));

  /** Starts to tick. Returns how to end it. */
  tick(): () => void {
    const timer = setInterval(() => (this.now = Date.now()), 1000);
    return () => clearInterval(timer);
  }

  toggleZone(): void {
    this.zone = this.zone === "utc" ? "local" : "utc";
    store("zone", this.zone);
  }
}

export const clock = new Clock();
