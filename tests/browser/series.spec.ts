import type { Page } from "@playwright/test";
import { expect, names, openAlerts, test } from "./fixtures.ts";

/** How many pixels of the first curve's canvas have about this colour of the page. */
async function pixelsOf(page: Page, variable: string): Promise<number> {
  return page
    .getByTestId("curve")
    .first()
    .locator("canvas")
    .evaluate((canvas, name) => {
      const probe = document.body.appendChild(document.createElement("span"));
      probe.style.color = `var(${name})`;
      const wanted = getComputedStyle(probe)
        .color.match(/[\d.]+/g)!
        .map(Number);
      probe.remove();
      const { width, height } = canvas as HTMLCanvasElement;
      const { data } = (canvas as HTMLCanvasElement).getContext("2d")!.getImageData(0, 0, width, height);
      const [red, green, blue, alpha = 1] = wanted as [number, number, number, number?];
      let found = 0;
      for (let i = 0; i < data.length; i += 4) {
        const near = (at: number, channel: number) => Math.abs(data[i + at]! - channel) <= 6;
        if (near(0, red) && near(1, green) && near(2, blue) && near(3, alpha * 255)) found += 1;
      }
      return found;
    }, variable);
}

test("an alert leads to its series: curve, band, the alert shaded, the score", async ({ page, alerting }) => {
  await openAlerts(page, alerting);
  await page.getByRole("link", { name: names.alerting }).click();
  await expect(page.getByRole("heading", { level: 1, name: names.alerting })).toBeVisible();
  await expect(page.getByText("Open alert", { exact: true })).toBeVisible();
  await expect(
    page.getByRole("img", { name: /Curve of pump-7, value: values from .* 1 alert in this range/ }),
  ).toBeVisible();
  await expect(page.getByTestId("score")).toBeVisible();
  await expect.poll(() => pixelsOf(page, "--chart-value")).toBeGreaterThan(200);
  await expect.poll(() => pixelsOf(page, "--chart-band")).toBeGreaterThan(1000);
  await expect.poll(() => pixelsOf(page, "--chart-alert-edge")).toBeGreaterThan(50);
  await expect(page.getByRole("article")).toHaveCount(1);
});

test("the table holds what the chart shows", async ({ page, seeded }) => {
  await page.goto(`${seeded.url}/series?${new URLSearchParams({ key: names.alerting })}`);
  await page.getByText("The points as a table").click();
  const rows = page.getByRole("region", { name: "Points of the value" }).getByRole("row");
  await expect(rows).toHaveCount(201);
  await expect(rows.nth(1)).toContainText("outside");
  await expect(rows.nth(20)).toContainText("inside");
});

test("the range is chosen by name, by buttons and by dragging, and is in the address", async ({
  page,
  seeded,
}) => {
  await page.goto(`${seeded.url}/series?${new URLSearchParams({ key: names.quiet })}`);
  await expect(page.getByRole("img", { name: /^Curve of/ })).toBeVisible();
  await page.getByRole("radio", { name: "15 min" }).check();
  await expect(page).toHaveURL(/range=15m/);
  await page.getByRole("button", { name: "Wider" }).click();
  await expect(page).toHaveURL(/from=.*to=/);
  const wide = page.url();
  await expect(page.getByText(/\d\d:\d\d:\d\d UTC\S* to /)).toBeVisible();

  const chart = page.getByTestId("curve").locator(".u-over");
  const box = (await chart.boundingBox())!;
  await page.mouse.move(box.x + box.width * 0.25, box.y + box.height / 2);
  await page.mouse.down();
  await page.mouse.move(box.x + box.width * 0.5, box.y + box.height / 2, { steps: 5 });
  await page.mouse.up();
  await expect(page).not.toHaveURL(wide);
  const span = (url: string) => {
    const search = new URL(url).searchParams;
    return Date.parse(search.get("to")!) - Date.parse(search.get("from")!);
  };
  expect(span(page.url()) / span(wide)).toBeCloseTo(0.25, 1);
});

test("the fields of a vector can be chosen", async ({ page, seeded }) => {
  await page.goto(`${seeded.url}/series?${new URLSearchParams({ key: names.vector })}`);
  await expect(page.getByTestId("curve")).toHaveCount(3);
  await page.getByRole("checkbox", { name: "wait" }).uncheck();
  await expect(page.getByTestId("curve")).toHaveCount(2);
  await expect(page).toHaveURL(/field=/);
  await page.reload();
  await expect(page.getByTestId("curve")).toHaveCount(2);
});

test("series are found by a part of their key, and marked while an alert is open", async ({
  page,
  alerting,
}) => {
  await page.goto(`${alerting.url}/series`);
  await expect(page.getByRole("row").filter({ hasText: names.alerting }).getByText("Open")).toBeVisible();
  await expect(page.getByRole("row").filter({ hasText: names.quiet }).getByText("None")).toBeVisible();
  await page.getByPlaceholder("Series that contains …").fill("SPARE");
  await expect(page.getByRole("row").filter({ hasText: names.alerting })).toHaveCount(0);
  await page.getByRole("link", { name: names.quiet }).click();
  await expect(page.getByRole("heading", { level: 1, name: names.quiet })).toBeVisible();
  await page.goBack();
  await expect(page.getByPlaceholder("Series that contains …")).toHaveValue("SPARE");
});

test("an unknown series is said to be unknown", async ({ page, seeded }) => {
  await page.goto(`${seeded.url}/series?key=nobody`);
  await expect(page.getByText("No series of this key is known.")).toBeVisible();
});
