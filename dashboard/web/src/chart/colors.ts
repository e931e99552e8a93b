/** The chart's colours as the canvas needs them: resolved for the theme in force. */

const names = [
  "text-soft",
  "chart-value",
  "chart-expected",
  "chart-band",
  "chart-grid",
  "chart-score",
  "chart-score-fill",
  "chart-alert",
  "chart-alert-edge",
] as const;

export type Colors = Record<(typeof names)[number], string>;

export function resolveColors(within: HTMLElement): Colors {
  const probe = document.createElement("span");
  within.append(probe);
  const entries = names.map((name) => {
    probe.style.color = `var(--${name})`;
    return [name, getComputedStyle(probe).color];
  });
  probe.remove();
  return Object.fromEntries(entries) as Colors;
}
