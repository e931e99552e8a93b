// Runs before the first paint, so that a chosen theme doesn't flash the other one. See src/shell/theme.svelte.ts.
try {
  const theme = localStorage.getItem("kizashi.theme");
  if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
} catch {
  // Storage is blocked: the system's preference stands.
}
