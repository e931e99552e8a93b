/** Where the page is: the path and search of its address, and how to go elsewhere without a reload. */

export type Route =
  | { page: "alerts" }
  | { page: "incidents" }
  | { page: "all-series" }
  /** An empty stream stands for any. */
  | { page: "series"; key: string; stream: string }
  | { page: "state" }
  | { page: "not-found" };

export function parse(path: string, search: URLSearchParams): Route {
  switch (path.replace(/(.)\/$/, "$1")) {
    case "/":
      return { page: "alerts" };
    case "/incidents":
      return { page: "incidents" };
    case "/series": {
      // Not a segment of the path: browsers fold "." and ".." away there, and proxies decode slashes.
      const key = search.get("key");
      return key === null
        ? { page: "all-series" }
        : { page: "series", key, stream: search.get("stream") ?? "" };
    }
    case "/state":
      return { page: "state" };
    default:
      return { page: "not-found" };
  }
}

/** The address of the page of a series, which its key and its stream name together. */
export function seriesUrl(
  { series, stream }: { series: string; stream: string },
  more: Record<string, string> = {},
): string {
  return `/series?${new URLSearchParams({ key: series, stream, ...more })}`;
}

/** The address of the incidents, with this one first. */
export function incidentUrl(id: string): string {
  return `/incidents?${new URLSearchParams({ id })}`;
}

class Router {
  #path = $state(globalThis.location?.pathname ?? "/");
  #search = $state(globalThis.location?.search ?? "");
  readonly search = $derived(new URLSearchParams(this.#search));
  readonly route = $derived(parse(this.#path, this.search));
  /** Grows when another page is reached, not with the settings of one. */
  visits = $state(0);

  /** Starts to follow links, and the browser's back and forward. Returns how to end it. */
  listen(): () => void {
    const controller = new AbortController();
    const { signal } = controller;
    addEventListener("popstate", () => this.#read(), { signal });
    document.addEventListener("click", (event) => this.#click(event), { signal });
    return () => controller.abort();
  }

  go(url: string, options: { replace?: boolean } = {}): void {
    if (options.replace) history.replaceState(null, "", url);
    else history.pushState(null, "", url);
    this.#read();
  }

  #read(): void {
    const before = JSON.stringify(this.route);
    this.#path = location.pathname;
    this.#search = location.search;
    if (JSON.stringify(this.route) !== before) this.visits += 1;
  }

  #click(event: MouseEvent): void {
    if (event.defaultPrevented || event.button !== 0) return;
    if (event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    const link = (event.target as Element).closest("a");
    if (link === null || link.origin !== location.origin || link.target !== "" || link.hash !== "") return;
    event.preventDefault();
    this.go(link.href);
  }
}

export const router = new Router();
