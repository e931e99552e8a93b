/** The worker's state, asked for every two seconds while the page is looked at, and the recent rates. */
import type { GetStatusResponse } from "../../gen/kizashi/v1/status_pb";
import { statusClient } from "../api/client";
import { explain } from "../api/errors";
import { backoffMs } from "../api/retry";
import { link } from "../shell/link.svelte";

const intervalMs = 2_000;
/** Ten minutes. */
const samplesMax = 300;

export interface Sample {
  timeMs: number;
  recordsPerSecond: number;
  lagSeconds: number;
}

class StatusPoller {
  status = $state.raw<GetStatusResponse | undefined>();
  samples = $state.raw<readonly Sample[]>([]);
  #failures = 0;

  /** Starts to ask. Returns how to end it. */
  run(): () => void {
    let timer: ReturnType<typeof setTimeout> | undefined;
    let stopped = false;
    const ask = async () => {
      await this.#ask();
      if (stopped || document.hidden) return;
      timer = setTimeout(ask, this.#failures === 0 ? intervalMs : backoffMs(this.#failures));
    };
    const onVisibility = () => {
      clearTimeout(timer);
      if (!document.hidden) void ask();
    };
    document.addEventListener("visibilitychange", onVisibility);
    void ask();
    return () => {
      stopped = true;
      clearTimeout(timer);
      document.removeEventListener("visibilitychange", onVisibility);
    };
  }

  async #ask(): Promise<void> {
    try {
      const status = await statusClient.getStatus({}, { timeoutMs: 5_000 });
      this.#failures = 0;
      this.status = status;
      const sample = {
        timeMs: Date.now(),
        recordsPerSecond: status.recordsPerSecond,
        lagSeconds: status.lagSeconds,
      };
      this.samples = [...this.samples.slice(1 - samplesMax), sample];
      link.poll = { state: "live" };
    } catch (error) {
      this.#failures += 1;
      link.poll = { state: "retrying", reason: explain(error), atMs: Date.now() + backoffMs(this.#failures) };
    }
  }
}

export const poller = new StatusPoller();
