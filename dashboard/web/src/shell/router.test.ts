import { expect, test } from "vitest";
import { parse, seriesUrl } from "./router.svelte";

function route(address: string) {
  const url = new URL(address, "http://localhost");
  return parse(url.pathname, url.searchParams);
}

test.each([
  ["/", "alerts"],
  ["/?state=open", "alerts"],
  ["/incidents", "incidents"],
  ["/incidents?id=0a", "incidents"],
  ["/series", "all-series"],
  ["/series/", "all-series"],
  ["/state", "state"],
  ["/series/a", "not-found"],
  ["/elsewhere", "not-found"],
])("%s is page %s", (address, page) => expect(route(address).page).toBe(page));

test.each(["cpu.user", "disk /var/lib", "a?b#c&d=e", "100 %", "温度", "..", ""])(
  "a link leads to series %j",
  (key) => {
    const url = seriesUrl({ series: key, stream: "events" }, { range: "6h" });
    expect(route(url)).toEqual({ page: "series", key, stream: "events" });
  },
);
