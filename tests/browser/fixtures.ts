/** What the tests start from: a service, and a page that must not fail in silence nor call elsewhere. */
import { setTimeout } from "node:timers/promises";
import { test as base, expect, type Page } from "@playwright/test";
import { Service } from "./service.ts";
import { burst, stepMs, usual, vector } from "./waveform.ts";

export { expect };

export const names = { alerting: "pump-7", quiet: "pump/8 (spare)", vector: "disk.sda" };

interface Fixtures {
  /** A service of this test alone, without records. */
  service: Service;
  /** A service of this test alone, with a quiet series and an alert that stays open. */
  alerting: Service;
}

interface Shared {
  /** A service with an alert, a quiet series, a vector and two dead letters. Only to be looked at. */
  seeded: Service;
}

export const test = base.extend<Fixtures, Shared>({
  service: async ({}, use) => {
    const service = new Service();
    await service.start();
    await use(service);
    await service.dispose();
  },
  alerting: async ({ service }, use) => {
    await service.put(names.quiet, usual(names.quiet, 300, Date.now(), 2));
    await service.put(names.alerting, usual(names.alerting, 300, Date.now()));
    const stop = misbehave(service, names.alerting);
    await use(service);
    await stop();
  },
  seeded: [
    async ({}, use) => {
      const service = new Service();
      await service.start();
      const now = Date.now();
      const burstLength = 4;
      await service.put(names.quiet, usual(names.quiet, 300, now, 2));
      await service.put(names.vector, vector(names.vector, 300, now));
      await service.put("broken", ["{not json", '{"series": "pump-9", "value": "warm"}']);
      const before = now - burstLength * stepMs;
      await service.put(names.alerting, usual(names.alerting, 300, before));
      await service.put(names.alerting, burst(names.alerting, burstLength, before));
      await use(service);
      await service.dispose();
    },
    { scope: "worker" },
  ],
  page: async ({ page }, use) => {
    const problems: string[] = [];
    const origins = new Set<string>();
    page.on("pageerror", (error) => problems.push(String(error)));
    page.on("console", (message) => {
      // While the service is away the browser logs each request that fails: that is no fault of the page.
      const away = /net::ERR_|Failed to load resource/.test(message.text());
      if (message.type() === "error" && !away) problems.push(message.text());
    });
    page.on("request", (request) => origins.add(new URL(request.url()).hostname));
    await use(page);
    expect(problems).toEqual([]);
    expect([...origins].filter((host) => host !== "127.0.0.1")).toEqual([]);
  },
});

/**
 * Puts an unusual observation each second: an alert on a series that sends no more would soon be closed.
 * Returns how to end it.
 */
export function misbehave(service: Service, series: string): () => Promise<void> {
  const stop = new AbortController();
  const { signal } = stop;
  const feeding = (async () => {
    for (let value = 90; !signal.aborted; value += 1) {
      await service.put(series, [{ series, time: Date.now(), value }]);
      await setTimeout(1_000, undefined, { signal }).catch(() => undefined);
    }
  })();
  return async () => {
    stop.abort();
    await feeding;
  };
}

/** Waits until the alert of the service is on the page, and leaves the page with it. */
export async function openAlerts(page: Page, service: Service): Promise<void> {
  await page.goto(service.url);
  await expect(page.getByRole("link", { name: names.alerting })).toBeVisible();
  await expect(page.getByText("Live", { exact: true })).toBeVisible();
}
