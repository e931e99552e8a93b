import { load, store } from "./stored";

const choices = ["system", "light", "dark"] as const;
export type Theme = (typeof choices)[number];

class ThemeChoice {
  choice = $state<Theme>(load("theme", choices, "system"));
  #systemIsDark = $state(false);
  readonly isDark = $derived(this.choice === "dark" || (this.choice === "system" && this.#systemIsDark));

  constructor() {
    const query = globalThis.matchMedia?.("(prefers-color-scheme: dark)");
    if (query === undefined) return;
    this.#systemIsDark = query.matches;
    query.addEventListener("change", ({ matches }) => (this.#systemIsDark = matches));
  }

  next(): void {
    this.choice = choices[(choices.indexOf(this.choice) + 1) % choices.length] ?? "system";
    store("theme", this.choice);
    if (this.choice === "system") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = this.choice;
  }
}

export const theme = new ThemeChoice();
