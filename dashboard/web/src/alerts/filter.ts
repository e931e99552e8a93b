/** Which alerts a page shows, and its two other forms: the API's filter and the page's address. */
import { Severity, type Alert } from "../../gen/kizashi/v1/alerts_pb";

export interface AlertFilter {
  severity: "any" | "warning" | "critical";
  state: "any" | "open" | "closed";
  /** The beginning of the series' key; empty for all. */
  prefix: string;
}

export const everything: AlertFilter = { severity: "any", state: "any", prefix: "" };

/** A value as the API's filter takes it, whatever it holds. */
export function quote(text: string): string {
  return `"${text.replaceAll("\\", "\\\\").replaceAll('"', '\\"')}"`;
}

/** The terms that hold for an alert from its opening to its end, or never. A watch uses these alone. */
export function lastingTerms(filter: AlertFilter): string {
  const terms: string[] = [];
  if (filter.severity !== "any") terms.push(`severity>=${filter.severity}`);
  if (filter.prefix !== "") terms.push(`series:${quote(filter.prefix)}*`);
  return terms.join(" ");
}

/** The filter of a list. */
export function listTerms(filter: AlertFilter): string {
  const terms = [lastingTerms(filter)];
  if (filter.state !== "any") terms.push(`open:${filter.state === "open"}`);
  return terms.filter((term) => term !== "").join(" ");
}

/** Whether an alert that satisfies the lasting terms is in the list as well. */
export function hasState(filter: AlertFilter, alert: Alert): boolean {
  return filter.state === "any" || (filter.state === "open") === (alert.closed === undefined);
}

export function fromSearch(search: URLSearchParams): AlertFilter {
  const pick = <T extends string>(name: string, allowed: readonly T[], otherwise: T): T =>
    allowed.find((choice) => choice === search.get(name)) ?? otherwise;
  return {
    severity: pick("severity", ["warning", "critical"], "any"),
    state: pick("state", ["open", "closed"], "any"),
    prefix: search.get("series") ?? "",
  };
}

export function toSearch(filter: AlertFilter): string {
  const search = new URLSearchParams();
  if (filter.severity !== "any") search.set("severity", filter.severity);
  if (filter.state !== "any") search.set("state", filter.state);
  if (filter.prefix !== "") search.set("series", filter.prefix);
  return search.size === 0 ? "" : `?${search}`;
}

export const severityName: Record<Severity, string> = {
  [Severity.UNSPECIFIED]: "Unknown",
  [Severity.INFO]: "Info",
  [Severity.WARNING]: "Warning",
  [Severity.CRITICAL]: "Critical",
};
