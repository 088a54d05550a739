/** The page of the user's account. */

import { address } from "./api.js";
import { copy } from "./download.js";
import { html } from "./html.js";
import { IconButton } from "./icons.js";
import { Keys } from "./keys.js";
import { notifies } from "./settings.js";
import { isKept, keepKey, signOut } from "./session.js";
import { texts } from "./texts.js";
import { say } from "./toasts.js";
import { Webhooks } from "./webhooks.js";

/** @import { ElementEvent } from "./types.js" */

const t = texts.account;

/**
 * Turn notifications on or off. The browser asks its user once.
 * @param {ElementEvent} event
 */
async function notify({ target }) {
  const isWanted = target.checked;
  const isAllowed = isWanted && (await globalThis.Notification?.requestPermission()) === "granted";
  if (isWanted && !isAllowed) say(t.notNotified);
  notifies.value = isAllowed;
  target.checked = isAllowed;
}

/**
 * Render a button that copies a text.
 * @param {{ text: string }} props
 */
function Copy({ text }) {
  const onClick = async () => say((await copy(text)) ? texts.copied : texts.notCopied);
  return html`<${IconButton} name="copy" label=${t.copy} onClick=${onClick} />`;
}

/** Render the page of the user's keys, session and webhooks. */
export function Account() {
  const url = address("").href.replace(/\/$/, "");
  const example = `export PROMPTREEL_URL='${url}'\nexport PROMPTREEL_API_KEY=…\npromptreel create "A paper boat" --wait -o boat.mp4`;
  const documentation = /** @type {HTMLMetaElement | null} */ (document.querySelector("meta[name=documentation]"))?.content;
  return html`<section class="narrow usage">
    <h1>${t.title}</h1>
    <${Keys} />
    <div class="columns">
      <section class="panel stack">
        <h2>${t.device}</h2>
        <label class="check">
          <input type="checkbox" checked=${isKept.value} onChange=${(event) => keepKey(event.target.checked)} />
          <span>${t.kept}<small>${t.keptHint}</small></span>
        </label>
        <label class="check">
          <input type="checkbox" checked=${notifies.value} onChange=${notify} />
          <span>${t.notify}<small>${t.notifyHint}</small></span>
        </label>
        <p><button type="button" onClick=${signOut}>${t.signOut}</button></p>
        <p class="hint">${t.signOutHint}</p>
      </section>
      <section class="panel stack">
        <h2>${t.deployment}</h2>
        <dl>
          <dt>${t.url}</dt>
          <dd class="row"><code>${url}</code><${Copy} text=${url} /></dd>
          <dt>${t.documentation}</dt>
          <dd>${documentation ? html`<a href=${documentation} target="_blank" rel="noopener">${documentation}</a>` : t.noDocumentation}</dd>
          <dt>${t.contract}</dt>
          <dd><a href=${address("openapi.json").href} target="_blank" rel="noopener">openapi.json</a></dd>
        </dl>
        <div class="row apart"><h2>${t.shell}</h2><${Copy} text=${example} /></div>
        <pre tabindex="0" role="region" aria-label=${t.shell}><code>${example}</code></pre>
      </section>
    </div>
    <${Webhooks} />
  </section>`;
}
