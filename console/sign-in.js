/** The form to sign in with an API key. If the API rejects a key, the form appears over the page. */

import { call, messageOf, statusOf } from "./api.js";
import { html, useState } from "./html.js";
import { Mark } from "./icons.js";
import { idOf, isKept, isKey, keyId, offered, signIn, signOut } from "./session.js";
import { texts } from "./texts.js";
import { Dialog } from "./toasts.js";

const t = texts.signIn;

/**
 * Render the form to sign in, as a page or, if a key was rejected, over the page.
 * @param {{ isAgain?: boolean }} props
 */
export function SignIn({ isAgain = false }) {
  if (!isAgain) return html`<main class="sign-in"><h1 class="row"><${Mark} />${texts.app}</h1><${Form} /></main>`;
  return html`<${Dialog} title=${t.title} canClose=${false} onClose=${signOut}><p>${t.rejected}</p><${Form} /><//>`;
}

/** Render the question about a link with another key than the one in use. */
export function Offered() {
  const found = offered.value;
  if (found === null) return null;
  const keep = () => {
    offered.value = null;
  };
  return html`<${Dialog} title=${t.another} onClose=${keep}>
    <p>${t.anotherHint(idOf(found), keyId.value)}</p>
    <p class="actions">
      <button type="button" onClick=${keep}>${t.keepThis}</button>
      <button type="button" class="danger" onClick=${() => signIn(found, isKept.value)}>${t.takeOther}</button>
    </p>
  <//>`;
}

function Form() {
  const [typed, setTyped] = useState("");
  const [keep, setKeep] = useState(isKept.value);
  const [problem, setProblem] = useState("");
  const [isTrying, setTrying] = useState(false);
  const submit = async (/** @type {Event} */ event) => {
    event.preventDefault();
    if (isTrying) return undefined;
    const given = typed.trim();
    if (!isKey(given)) return setProblem(t.form);
    setTrying(true);
    try {
      await call("GET", "v2/models", { query: { limit: 1 }, with: given });
      signIn(given, keep);
    } catch (error) {
      setProblem(statusOf(error) === 401 ? t.notValid : messageOf(error));
    } finally {
      setTrying(false);
    }
    return undefined;
  };
  return html`<form class="stack" onSubmit=${submit}>
    <p>${t.lead}<br /><code>${t.command}</code></p>
    <label>
      <span class="label">${t.key}</span>
      <input type="password" name="key" required autocomplete="current-password" spellcheck="false" value=${typed}
        aria-invalid=${problem ? "true" : undefined} aria-describedby="sign-in-problem"
        onInput=${(event) => (setTyped(event.target.value), setProblem(""))} />
    </label>
    <p id="sign-in-problem" class="problem" role="alert">${problem}</p>
    <label class="check">
      <input type="checkbox" checked=${keep} onChange=${(event) => setKeep(event.target.checked)} />
      <span>${t.keep}<small>${t.keepHint}</small></span>
    </label>
    <button class="primary" aria-busy=${isTrying}>${t.button}</button>
  </form>`;
}
