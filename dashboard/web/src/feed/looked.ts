/** A feed that goes on while its page is looked at. */
import { link } from "../shell/link.svelte";

/**
 * How long a page in the background keeps its connection. Browsers allow six a host over HTTP/1.1, so
 * forgotten tabs would keep new ones from loading.
 */
const hiddenMsMax = 60_000;

interface Feed {
  start(): void;
  stop(): void;
  pause(): void;
}

/** Starts a feed, pauses it while the page is long in the background, and returns how to end it. */
export function whileLookedAt(feed: Feed): () => void {
  let hiding: ReturnType<typeof setTimeout> | undefined;
  const onVisibility = () => {
    clearTimeout(hiding);
    if (document.hidden) hiding = setTimeout(() => feed.pause(), hiddenMsMax);
    else feed.start();
  };
  document.addEventListener("visibilitychange", onVisibility);
  feed.start();
  return () => {
    clearTimeout(hiding);
    document.removeEventListener("visibilitychange", onVisibility);
    feed.stop();
    link.feed = undefined;
  };
}
