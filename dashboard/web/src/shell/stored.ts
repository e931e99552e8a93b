/** A choice of the reader, kept by the browser where it allows that. */
export function load<T extends string>(name: string, allowed: readonly T[], otherwise: T): T {
  try {
    const kept = localStorage.getItem(`kizashi.${name}`);
    return allowed.find((choice) => choice === kept) ?? otherwise;
  } catch {
    return otherwise;
  }
}

export function store(name: string, choice: string): void {
  try {
    localStorage.setItem(`kizashi.${name}`, choice);
  } catch {
    // Storage is blocked or full: the choice holds until the page is left.
  }
}
