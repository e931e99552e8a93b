import { Code, ConnectError } from "@connectrpc/connect";
import { expect, test } from "vitest";
import { explain, hasCode } from "./errors";

test.each([
  [new TypeError("Failed to fetch"), "The server can't be reached."],
  [new TypeError("NetworkError when attempting to fetch resource."), "The server can't be reached."],
  [new ConnectError("", Code.Unavailable), "The server can't be reached."],
  [new ConnectError("it stops", Code.Unavailable), "The server is not available: it stops."],
  [new ConnectError("disk full", Code.Internal), "The server failed: disk full."],
  [new ConnectError("slow", Code.DeadlineExceeded), "The server did not answer in time."],
  [new ConnectError("filter: at character 3: …", Code.InvalidArgument), "filter: at character 3: …"],
])("%s", (error, sentence) => expect(explain(error)).toBe(sentence));

test("an error has one code", () => {
  const error = new ConnectError("gone", Code.OutOfRange);
  expect([hasCode(error, Code.OutOfRange), hasCode(error, Code.NotFound)]).toEqual([true, false]);
});
