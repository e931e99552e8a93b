/** Numbers as text, in one locale, so that a figure reads the same for everybody it is shown to. */

const plain = new Intl.NumberFormat("en", { maximumSignificantDigits: 5 });
const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const compact = new Intl.NumberFormat("en", {
  notation: "compact",
  compactDisplay: "long",
  maximumSignificantDigits: 2,
});

/** A measured value: five significant digits, with an exponent where zeros would hide them. */
export function value(x: number): string {
  if (Number.isNaN(x)) return "no number";
  if (!Number.isFinite(x)) return x > 0 ? "∞" : "−∞";
  const size = Math.abs(x);
  if (size !== 0 && (size < 1e-4 || size >= 1e12)) {
    return x
      .toExponential(3)
      .replace(/\.?0*e\+?/, "e")
      .replaceAll("-", "−");
  }
  return plain.format(x).replace("-", "−");
}

/** A surprise or an anomaly score: two decimals say enough. */
export function score(x: number): string {
  return value(Math.round(x * 100) / 100);
}

export function count(n: number | bigint): string {
  return whole.format(n);
}

/** A rate or a small quantity: one decimal below 100, none above. */
export function rate(x: number): string {
  return x < 100 ? String(Math.round(x * 10) / 10) : whole.format(x);
}

/** How rare a surprise of `s` = −log10 p is: "1 in 1.6 million". */
export function rarity(s: number): string {
  if (!Number.isFinite(s)) return "never before";
  if (s <= 0) return "1 in 1";
  if (s >= 15) return `1 in 10^${Math.floor(s)}`;
  const odds = 10 ** s;
  return `1 in ${odds < 1e6 ? whole.format(Number(odds.toPrecision(2))) : compact.format(odds)}`;
}

/** A share of 0 to 1: "62 %". */
export function percent(share: number): string {
  return `${Math.round(share * 100)} %`;
}

/** "1 alert", "2 alerts" */
export function counted(n: number | bigint, one: string, many: string = `${one}s`): string {
  return `${count(n)} ${Number(n) === 1 ? one : many}`;
}
