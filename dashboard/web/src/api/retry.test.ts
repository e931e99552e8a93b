import { expect, test } from "vitest";
import { backoffMs, sleep } from "./retry";

test("the wait doubles, is bounded, and is spread", () => {
  expect([1, 2, 3, 4].map((failures) => backoffMs(failures, 0))).toEqual([500, 1000, 2000, 4000]);
  expect(backoffMs(1000, 0)).toBe(15_000);
  expect(backoffMs(1, 0.999)).toBeGreaterThan(375);
  expect(backoffMs(1, 0.999)).toBeLessThan(376);
});

test("a sleep ends when it is aborted", async () => {
  const controller = new AbortController();
  const asleep = sleep(3_600_000, controller.signal);
  controller.abort();
  await asleep;
  await sleep(3_600_000, controller.signal);
});
