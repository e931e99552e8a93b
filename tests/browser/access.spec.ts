/** Whoever looks, and with whatever: keyboard, small screens, dark rooms, assistive technology. */
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import type { AxeResults } from "axe-core";
import { expect, names, openAlerts, test } from "./fixtures.ts";

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

const pages = [
  ["alerts", "/", "Alerts"],
  ["incidents", "/incidents", "Incidents"],
  ["all series", "/series", "Series"],
  ["one series", `/series?${new URLSearchParams({ key: names.alerting })}`, names.alerting],
  ["a vector", `/series?${new URLSearchParams({ key: names.vector })}`, names.vector],
  ["state", "/state", "State of the worker"],
  ["no page", "/nowhere", "No such page"],
] as const;

for (const [name, path, heading] of pages) {
  for (const colorScheme of ["light", "dark"] as const) {
    test(`${name}: no fault for axe in ${colorScheme}`, async ({ page, seeded }) => {
      await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
      await page.goto(seeded.url + path);
      await expect(page.getByRole("heading", { level: 1, name: heading })).toBeVisible();
      await expect(page.getByText("Loading …")).toHaveCount(0);
      // In the page but not by a script element, which the content security policy would refuse.
      await page.evaluate(axe);
      const { violations } = await page.evaluate<AxeResults>("axe.run()");
      const found = violations.map(({ id, nodes }) => `${id}: ${nodes.map((node) => node.html).join(" | ")}`);
      expect(found).toEqual([]);
    });
  }

  test(`${name}: nothing is cut off from 360 px on`, async ({ page, seeded }) => {
    for (const width of [360, 768]) {
      await page.setViewportSize({ width, height: 740 });
      await page.goto(seeded.url + path);
      await expect(page.getByRole("heading", { level: 1, name: heading })).toBeVisible();
      await expect(page.getByText("Loading …")).toHaveCount(0);
      const overflow = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
      expect(overflow, `at ${width} px`).toBeLessThanOrEqual(0);
    }
  });
}

test("the keyboard leads everywhere, and is seen", async ({ page, seeded }) => {
  await openAlerts(page, seeded);
  await page.keyboard.press("Tab");
  await expect(page.getByRole("link", { name: "Skip to the content" })).toBeFocused();
  await expect(page.getByRole("link", { name: "Skip to the content" })).toBeInViewport();
  await page.keyboard.press("Enter");
  await expect(page.locator("main")).toBeFocused();

  // The two choices are one stop each; the arrow keys move within.
  await page.keyboard.press("Tab");
  await expect(page.getByRole("radio", { name: "All" }).first()).toBeFocused();
  await page.keyboard.press("ArrowRight");
  await expect(page.getByRole("radio", { name: "Warning and up" })).toBeChecked();
  await expect(page).toHaveURL(/severity=warning/);
  await page.keyboard.press("ArrowLeft");
  const link = page.getByRole("link", { name: names.alerting });
  await expect(link).toBeVisible();
  await page.keyboard.press("Tab");
  await page.keyboard.press("Tab");
  await expect(page.getByPlaceholder("Series that begins with …")).toBeFocused();
  await page.keyboard.press("Tab");
  await expect(link).toBeFocused();
  const outline = await link.evaluate((element) => getComputedStyle(element).outlineStyle);
  expect(outline).not.toBe("none");
  await page.keyboard.press("Enter");
  await expect(page.getByRole("heading", { level: 1, name: names.alerting })).toBeVisible();
  await expect(page.locator("main")).toBeFocused();
});

test("dark follows the system, and the choice of the reader outlasts a reload", async ({ page, seeded }) => {
  const ground = () => page.evaluate(() => getComputedStyle(document.documentElement).backgroundColor);
  await page.emulateMedia({ colorScheme: "light" });
  await openAlerts(page, seeded);
  const light = await ground();
  await page.emulateMedia({ colorScheme: "dark" });
  const dark = await ground();
  expect(dark).not.toBe(light);

  await page.getByRole("button", { name: "Theme: system" }).click();
  await expect(page.getByRole("button", { name: "Theme: light" })).toBeVisible();
  expect(await ground()).toBe(light);
  await page.reload();
  expect(await ground()).toBe(light);
  await page.getByRole("button", { name: "Theme: light" }).click();
  expect(await ground()).toBe(dark);
});

test.describe("far from Greenwich", () => {
  test.use({ timezoneId: "Asia/Tokyo" });

  test("times name their zone, and change with it", async ({ page, seeded }) => {
    await openAlerts(page, seeded);
    const time = page.getByRole("article").getByText(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$/);
    const asMs = async (zone: string) => Date.parse(`${(await time.innerText()).replace(" ", "T")}${zone}`);
    const local = await asMs("+09:00");
    await page.getByRole("button", { name: /Times are in Local UTC\+09:00/ }).click();
    await expect(page.getByRole("button", { name: "Times are in UTC" })).toBeVisible();
    expect(await asMs("Z")).toBe(local);
  });
});
