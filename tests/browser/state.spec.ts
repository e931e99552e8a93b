import { expect, test } from "./fixtures.ts";
import { usual } from "./waveform.ts";

test("the state shows rate, lag, shards and the reasons of dead letters", async ({ page, seeded }) => {
  await page.goto(`${seeded.url}/state`);
  await expect(page.getByText("keeping up")).toBeVisible();
  await expect(page.getByRole("img", { name: /^Records a second/ })).toBeVisible();
  await expect(page.getByRole("region", { name: "Shards" }).getByRole("rowheader").first()).toHaveText(
    /^shardId-/,
  );
  const letters = page.locator("#dead-letters");
  await expect(letters.getByText("{not json")).toBeVisible();
  await expect(letters.getByRole("listitem")).toHaveCount(2);
  await expect(letters.getByText(/warm/).first()).toBeVisible();
});

test("the rate follows the records", async ({ page, service }) => {
  await page.goto(`${service.url}/state`);
  await expect(page.getByTestId("rate")).toHaveText("0");
  await service.put("pump-7", usual("pump-7", 2_000, Date.now()));
  await expect(page.getByTestId("rate")).not.toHaveText("0");
});
