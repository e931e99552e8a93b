import { Code, ConnectError } from "@connectrpc/connect";

/** One plain sentence for a failed call. */
export function explain(error: unknown): string {
  const { code, rawMessage } = ConnectError.from(error);
  switch (code) {
    case Code.Unavailable:
    case Code.Unknown:
    case Code.Internal:
    case Code.Aborted:
      return rawMessage === "" || /fetch|network|missing trailer|stream/i.test(rawMessage)
        ? "The server can't be reached."
        : `The server failed: ${rawMessage}`;
    case Code.DeadlineExceeded:
      return "The server did not answer in time.";
    default:
      return rawMessage;
  }
}

export function hasCode(error: unknown, code: Code): boolean {
  return ConnectError.from(error).code === code;
}
