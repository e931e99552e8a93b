import { create } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { expect, test } from "vitest";
import { AlertSchema } from "../../gen/kizashi/v1/alerts_pb";
import {
  everything,
  fromSearch,
  hasState,
  lastingTerms,
  listTerms,
  toSearch,
  type AlertFilter,
} from "./filter";

const narrow: AlertFilter = { severity: "warning", state: "open", prefix: 'disk "C:\\' };

test("a filter becomes terms of the API", () => {
  expect(listTerms(everything)).toBe("");
  expect(listTerms(narrow)).toBe('severity>=warning series:"disk \\"C:\\\\"* open:true');
  expect(listTerms({ ...everything, state: "closed" })).toBe("open:false");
});

test("a watch leaves the state out, so that it hears of an alert's end", () => {
  expect(lastingTerms(narrow)).toBe('severity>=warning series:"disk \\"C:\\\\"*');
});

test("a filter survives the address", () => {
  for (const filter of [everything, narrow]) {
    expect(fromSearch(new URLSearchParams(toSearch(filter)))).toEqual(filter);
  }
  expect(toSearch(everything)).toBe("");
});

test("what an address can't mean is everything", () => {
  expect(fromSearch(new URLSearchParams("severity=loud&state="))).toEqual(everything);
});

test("the state is open until the alert is closed", () => {
  const open = create(AlertSchema, {});
  const closed = create(AlertSchema, { closed: timestampFromMs(1) });
  const states = (filter: AlertFilter) => [hasState(filter, open), hasState(filter, closed)];
  expect(states(everything)).toEqual([true, true]);
  expect(states({ ...everything, state: "open" })).toEqual([true, false]);
  expect(states({ ...everything, state: "closed" })).toEqual([false, true]);
});
