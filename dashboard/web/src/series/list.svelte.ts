/** A page of the list of series, asked for again every few seconds while it is looked at. */
import type { ListSeriesResponse } from "../../gen/kizashi/v1/series_pb";
import { seriesClient } from "../api/client";
import { explain } from "../api/errors";
import { backoffMs, sleep } from "../api/retry";

const pageSize = 100;
const refreshMs = 3_000;

export class LiveSeries {
  page = $state.raw<ListSeriesResponse | undefined>();
  problem = $state("");
  pageNumber = $state(1);
  #contains = "";
  /** The token of each page up to the shown one. */
  #tokens = [""];
  #stop: AbortController | undefined;

  /** Shows the first page of the series whose key contains this text. Returns how to end it. */
  show(contains: string): () => void {
    this.#contains = contains;
    this.#tokens = [""];
    this.#begin();
    return () => this.#stop?.abort();
  }

  /** Shows the next or the previous page. */
  turn(by: 1 | -1): void {
    const next = this.page?.nextPageToken ?? "";
    if (by === 1 && next !== "") this.#tokens.push(next);
    if (by === -1 && this.#tokens.length > 1) this.#tokens.pop();
    this.#begin();
  }

  #begin(): void {
    this.#stop?.abort();
    this.#stop = new AbortController();
    void this.#run(this.#stop.signal);
  }

  async #run(signal: AbortSignal): Promise<void> {
    let failures = 0;
    const request = { contains: this.#contains, pageSize, pageToken: this.#tokens.at(-1) ?? "" };
    const pageNumber = this.#tokens.length;
    while (!signal.aborted) {
      try {
        if (!document.hidden) {
          const page = await seriesClient.listSeries(request, { signal, timeoutMs: 10_000 });
          this.page = page;
          this.pageNumber = pageNumber;
          this.problem = "";
        }
        failures = 0;
      } catch (error) {
        if (signal.aborted) return;
        failures += 1;
        this.problem = explain(error);
      }
      await sleep(failures === 0 ? refreshMs : backoffMs(failures), signal);
    }
  }
}
