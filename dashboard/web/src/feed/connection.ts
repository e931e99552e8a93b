/** A connection that is made again whenever it breaks. */
import { Code, ConnectError } from "@connectrpc/connect";
import { explain } from "../api/errors";
import { backoffMs, sleep } from "../api/retry";

/** How a page stands with the server. */
export type Connection =
  | { state: "connecting" }
  | { state: "live" }
  /** The page is in the background; the connection was given up and is resumed with the page. */
  | { state: "paused" }
  | { state: "retrying"; reason: string; atMs: number };

/**
 * One connection, from the first call until it ends, which is by an error where it was not the server that ended it.
 * Calls `onLive` once what is shown is current.
 */
export type Attempt = (signal: AbortSignal, onLive: () => void) => Promise<void>;

export class KeptConnection {
  #attempt: Attempt;
  #onChange: (connection: Connection) => void;
  #wait: typeof sleep;
  #stop: AbortController | undefined;

  /** @param wait waits before another attempt */
  constructor(attempt: Attempt, onChange: (connection: Connection) => void, wait = sleep) {
    this.#attempt = attempt;
    this.#onChange = onChange;
    this.#wait = wait;
  }

  /** Connects, unless it does, and again after each failure, until `stop` or `pause`. */
  start(): void {
    if (this.#stop !== undefined) return;
    this.#stop = new AbortController();
    void this.#run(this.#stop.signal);
  }

  stop(): void {
    this.#stop?.abort();
    this.#stop = undefined;
  }

  /** Gives the connection up until `start`. */
  pause(): void {
    this.stop();
    this.#onChange({ state: "paused" });
  }

  async #run(signal: AbortSignal): Promise<void> {
    let failures = 0;
    this.#onChange({ state: "connecting" });
    const onLive = () => {
      failures = 0;
      this.#onChange({ state: "live" });
    };
    while (!signal.aborted) {
      try {
        await this.#attempt(signal, onLive);
        throw new ConnectError("it closed the connection", Code.Unavailable);
      } catch (error) {
        if (signal.aborted) return;
        failures += 1;
        const waitMs = backoffMs(failures);
        this.#onChange({ state: "retrying", reason: explain(error), atMs: Date.now() + waitMs });
        await this.#wait(waitMs, signal);
      }
    }
  }
}
