/** What a screen reader is told in between: the newest of the messages that come in close together. */
class Announcer {
  text = $state("");
  #waiting: string[] = [];
  #timer: ReturnType<typeof setTimeout> | undefined;

  say(message: string): void {
    this.#waiting.push(message);
    this.#timer ??= setTimeout(() => this.#speak(), 1500);
  }

  #speak(): void {
    const newest = this.#waiting.at(-1) ?? "";
    this.text = this.#waiting.length > 1 ? `${this.#waiting.length} changes. The newest: ${newest}` : newest;
    this.#waiting = [];
    this.#timer = undefined;
  }
}

export const announcer = new Announcer();
