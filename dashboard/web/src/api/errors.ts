import { Code, ConnectError } from "@connectrpc/connect";

/** One plain sentence for a failed call. */
export function explain(error: unknown): string {
  const { code, rawMessage } = ConnectError.from(error);
  switch (code) {
    case Code.DeadlineExceeded:
      return "The server did not answer in time.";
    // What a browser says of a lost connection differs between browsers and helps nobody.
    case Code.Unknown:
    case Code.Internal:
    case Code.Aborted:
    case Code.Unavailable:
      if (rawMessage === "" || /fetch|network|load failed|missing trailer/i.test(rawMessage)) {
        return "The server can't be reached.";
      }
      return `The server ${code === Code.Unavailable ? "is not available" : "failed"}: ${rawMessage}.`;
    default:
      return rawMessage;
  }
}

export function hasCode(error: unknown, code: Code): boolean {
  return ConnectError.from(error).code === code;
}
