import { expect, misbehave, names, openAlerts, test } from "./fixtures.ts";
import { usual } from "./waveform.ts";

const series = ["web-1/cpu", "web-1/disk", "web-1/load"];

test("series that break together are one incident, which their alerts lead to", async ({ page, service }) => {
  for (const key of series) await service.put(key, usual(key, 300, Date.now()));
  await page.goto(`${service.url}/incidents`);
  await expect(page.getByText("No incidents.")).toBeVisible();
  await page.evaluate(() => Object.assign(window, { loadedOnce: true }));

  const stops = series.map((key) => misbehave(service, key));
  const row = page.getByRole("article");
  await expect(row.getByRole("heading", { name: /^3 series of web-1 broke within \d+ s; first web-1\// })).toBeVisible();
  await expect(row).toHaveCount(1);
  await expect(row.getByText("3 alerts on 3 series")).toBeVisible();
  await expect(row.getByText("Open", { exact: true })).toBeVisible();
  await expect(page.getByTestId("announcer")).toContainText("New incident");
  await expect(page).toHaveTitle(/^\(1\) Incidents/);
  expect(await page.evaluate(() => "loadedOnce" in window)).toBe(true);

  await row.getByRole("button", { name: /^Alerts of the incident/ }).click();
  const members = row.getByRole("list", { name: "Alerts of the incident" });
  await expect(members.getByRole("listitem")).toHaveCount(3);
  await members.getByRole("link", { name: "web-1/disk" }).click();
  await expect(page.getByRole("heading", { level: 1 })).toContainText("web-1/disk");

  await page.getByRole("link", { name: /^Alerts/ }).click();
  await page.getByRole("link", { name: /^Part of: 3 series of web-1/ }).first().click();
  await expect(page).toHaveURL(/\/incidents\?id=[0-9a-f]{32}$/);
  await expect(members.getByRole("listitem")).toHaveCount(3);

  for (const stop of stops) await stop();
  for (const key of series) await service.put(key, usual(key, 30, Date.now(), 3, 1));
  await expect(row.getByText("Closed", { exact: true }).first()).toBeVisible();
  await expect(page).toHaveTitle(/^Incidents/);
});

test("an alert that is alone is no incident, and an address without one says so", async ({ page, seeded }) => {
  await openAlerts(page, seeded);
  await expect(page.getByRole("link", { name: /^Part of/ })).toHaveCount(0);
  await page.goto(`${seeded.url}/incidents?id=${"0".repeat(32)}`);
  await expect(page.getByText("No incidents.")).toBeVisible();
  await expect(page.getByText(/there is no incident/)).toBeVisible();
  await page.getByRole("link", { name: "Look at the alerts" }).click();
  await expect(page.getByRole("link", { name: names.alerting })).toBeVisible();
});
