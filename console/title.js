/** The title of the tab: the page's own, the prompt of a video, and how many videos ended while nobody looked. */

import { effect, signal } from "./html.js";
import { go } from "./route.js";
import { notifies } from "./settings.js";
import { texts } from "./texts.js";
import { latestEnd, promptOf } from "./videos.js";

/** The title without the counter. */
export const title = signal("");
const unseen = signal(0);

/** Keep the title up to date, and announce what ends while the page is hidden. */
export function startTitle() {
  effect(() => {
    document.title = `${unseen.value ? `(${unseen.value}) ` : ""}${title.value ? `${title.value} – ` : ""}${texts.app}`;
  });
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden) unseen.value = 0;
  });
  effect(() => {
    const ended = latestEnd.value;
    if (!ended || !document.hidden) return;
    unseen.value = unseen.peek() + 1;
    if (!notifies.peek() || globalThis.Notification?.permission !== "granted") return;
    const said = new Notification(ended.status === "completed" ? texts.notify.completed : texts.notify.failed, {
      body: promptOf(ended).slice(0, 120),
      tag: ended.id,
    });
    said.onclick = () => {
      window.focus();
      go("video", ended.id);
      said.close();
    };
  });
}
