import { expect, misbehave, names, openAlerts, test } from "./fixtures.ts";
import { burst, stepMs, usual } from "./waveform.ts";

test("an alert appears without a reload, then its end", async ({ page, service }) => {
  await page.goto(service.url);
  await expect(page.getByRole("heading", { name: "Nothing has arrived yet" })).toBeVisible();
  await expect(page.getByText("kizashi put")).toBeVisible();
  await page.evaluate(() => Object.assign(window, { loadedOnce: true }));

  await service.put("pump-7", usual("pump-7", 300, Date.now()));
  await expect(page.getByText("All quiet.")).toBeVisible();
  const stop = misbehave(service, "pump-7");
  const row = page.getByRole("article").filter({ hasText: "pump-7" });
  await expect(row).toBeVisible();
  await expect(row.getByText("Open", { exact: true })).toBeVisible();
  await expect(row.getByText(/Info|Warning|Critical/)).toBeVisible();
  await expect(row.getByText(/ago|just now/)).toBeVisible();
  await expect(row.getByText(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$/)).toBeVisible();
  await expect(row.getByText(/1 in /)).toBeVisible();
  await expect(page.getByTestId("announcer")).toContainText("pump-7");
  await expect(page).toHaveTitle(/^\(1\) Alerts/);

  await stop();
  await service.put("pump-7", usual("pump-7", 30, Date.now(), 3, 1));
  await expect(row.getByText("Closed", { exact: true })).toBeVisible();
  expect(await page.evaluate(() => "loadedOnce" in window)).toBe(true);
});

test("the evidence names the value, what was expected, and where it comes from", async ({ page, seeded }) => {
  await openAlerts(page, seeded);
  await page.getByRole("button", { name: `Evidence of the alert on ${names.alerting}` }).click();
  const evidence = page.getByRole("region", { name: `Evidence of the alert on ${names.alerting}` });
  await expect(evidence.getByRole("rowheader", { name: "value" })).toBeVisible();
  await expect(evidence.getByRole("cell", { name: /^9[01]$/ })).toBeVisible();
  await expect(page.getByText(/^events \/ shardId-\d{12} \/ \d+ \/ 0$/)).toBeVisible();
});

test("filters are in the address, and hold for what comes in", async ({ page, alerting }) => {
  await openAlerts(page, alerting);
  await page.getByPlaceholder("Series that begins with …").fill("pumpkin");
  await expect(page.getByText("No alert matches.")).toBeVisible();
  await expect(page).toHaveURL(/series=pumpkin/);
  await page.reload();
  await expect(page.getByText("No alert matches.")).toBeVisible();
  await page.getByPlaceholder("Series that begins with …").fill("pump-");
  await expect(page.getByRole("link", { name: names.alerting })).toBeVisible();
  await page.getByRole("radio", { name: "Closed" }).check();
  await expect(page.getByText("No alert matches.")).toBeVisible();
  await page.getByRole("button", { name: "Show all" }).click();
  await expect(page.getByRole("link", { name: names.alerting })).toBeVisible();
});

test("after a restart of the service the page goes on, and misses nothing", async ({ page, service }) => {
  const now = Date.now() - 30 * stepMs;
  await service.put("pump-7", usual("pump-7", 300, now));
  await page.goto(service.url);
  await expect(page.getByText("Live", { exact: true })).toBeVisible();

  await service.stop();
  await expect(page.getByText("Offline", { exact: true })).toBeVisible();
  await service.start();
  await service.put("pump-7", burst("pump-7", 4, now));
  await expect(page.getByText("Live", { exact: true })).toBeVisible();
  await expect(page.getByRole("article").filter({ hasText: "pump-7" })).toHaveCount(1);
});
