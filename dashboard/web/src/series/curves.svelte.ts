/** The points of the shown range as reactive state, asked for again as time goes on. */
import { Code } from "@connectrpc/connect";
import { seriesClient } from "../api/client";
import { explain, hasCode } from "../api/errors";
import { backoffMs, sleep } from "../api/retry";
import { load, type Loaded } from "./load";
import type { Range } from "./range";

const refreshMsMin = 1_000;
const refreshMsMax = 5_000;
/** A minimum, a maximum and a strangest point fit into each column of pixels and a bit. */
const pointsPerPixel = 2;

interface Which {
  series: string;
  /** Empty: any. */
  stream: string;
}

export class LiveCurves {
  loaded = $state.raw<Loaded | undefined>();
  problem = $state("");
  unknown = $state(false);
  loading = $state(false);
  #newestMs: number | undefined;

  /** Shows a range of a series, `widthPx` wide, from now on. Returns how to end it. */
  show(which: Which, range: Range, widthPx: number): () => void {
    const stop = new AbortController();
    void this.#run(which, range, widthPx, stop.signal);
    return () => stop.abort();
  }

  async #run(which: Which, range: Range, widthPx: number, signal: AbortSignal): Promise<void> {
    const pointsMax = Math.min(10_000, Math.max(200, Math.round(widthPx * pointsPerPixel)));
    let failures = 0;
    this.loading = true;
    while (!signal.aborted) {
      let waitMs = refreshMs(range, widthPx);
      try {
        const wanted = { ...which, range, pointsMax, newestMs: this.#newestMs, nowMs: Date.now() };
        const loaded = await load(seriesClient, wanted, signal);
        if (signal.aborted) return;
        this.loaded = loaded;
        this.#newestMs = loaded.newestMs;
        this.problem = "";
        this.unknown = false;
        failures = 0;
        // A span that lies in the past does not change any more.
        if (range.kind === "span" && range.endMs < Date.now() - 60_000) waitMs = Infinity;
      } catch (error) {
        if (signal.aborted) return;
        failures += 1;
        this.unknown = hasCode(error, Code.NotFound);
        this.problem = this.unknown ? "" : explain(error);
        waitMs = backoffMs(failures);
      }
      this.loading = false;
      if (waitMs === Infinity) return;
      await sleep(waitMs, signal);
      await visible(signal);
    }
  }
}

/** Time for a column of pixels to pass, within bounds. */
function refreshMs(range: Range, widthPx: number): number {
  const shownMs = range.kind === "last" ? range.ms : range.endMs - range.startMs;
  return Math.min(refreshMsMax, Math.max(refreshMsMin, shownMs / Math.max(1, widthPx)));
}

/** Resolves as soon as the page is looked at. */
function visible(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const check = () => {
      if (document.hidden && !signal.aborted) return;
      document.removeEventListener("visibilitychange", check);
      signal.removeEventListener("abort", check);
      resolve();
    };
    document.addEventListener("visibilitychange", check);
    signal.addEventListener("abort", check);
    check();
  });
}
