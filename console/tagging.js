/** The star of a video, and the dialog for the tags of one or several videos. */

import { html, useEffect, useRef, useState } from "./html.js";
import { Icon, IconButton } from "./icons.js";
import { changeAll, collections, FAVOURITE, hasTag, mayChange, offerUndo, tagsIn, tagsOf, toggle } from "./tags.js";
import { texts } from "./texts.js";
import { Dialog } from "./toasts.js";

/** @import { Outcome } from "./tags.js" */

const t = texts.tags;

/**
 * Render the star of a video. A key that may only read sees it on favourites.
 * @param {{ id: string, label: string, shortcut?: string }} props
 */
export function Star({ id, label, shortcut }) {
  const isOn = hasTag(tagsOf(id), FAVOURITE);
  if (!mayChange.value) return isOn ? html`<span class="star" role="img" aria-label=${label}><${Icon} name="star" /></span>` : null;
  return html`<${IconButton} name="star" class="star" label=${label} isOn=${isOn} shortcut=${shortcut} onClick=${() => toggle(id, FAVOURITE)} />`;
}

/**
 * Render the dialog with the tags of videos. `onSaved` gets the videos that were not saved when it closes.
 * @param {{ ids: string[], onClose: (left: string[]) => void }} props
 */
export function Tags({ ids, onClose }) {
  const [left, setLeft] = useState(ids);
  const [typed, setTyped] = useState("");
  const [wanted, setWanted] = useState(/** @type {Map<string, boolean>} */ (new Map()));
  const [problem, setProblem] = useState("");
  const [isBusy, setBusy] = useState(false);
  const [saved, setSaved] = useState(0);
  const done = useRef(/** @type {Outcome["done"]} */ (new Map()));
  const field = useRef(/** @type {HTMLInputElement | null} */ (null));
  useEffect(() => field.current?.focus(), []);
  const count = (/** @type {string} */ tag) => left.filter((id) => tagsOf(id).includes(tag)).length;
  const tags = [...new Set([...collections.value.map(({ tag }) => tag), ...left.flatMap(tagsOf)])];
  const [shown] = useState(tags.sort((a, b) => Number(count(b) > 0) - Number(count(a) > 0))); // those of the videos first
  const close = (/** @type {string[]} */ unsaved) => {
    if (done.current.size) offerUndo(t.saved(done.current.size), done.current);
    onClose(unsaved);
  };
  const save = async (/** @type {Event} */ event) => {
    event.preventDefault();
    if (isBusy) return;
    const chosen = (/** @type {boolean} */ is) => [...wanted].flatMap(([tag, isOn]) => (isOn === is ? tag : []));
    const change = { add: [...chosen(true), ...tagsIn(typed)], remove: chosen(false) };
    if (!change.add.length && !change.remove.length) {
      close(ids);
      return;
    }
    setBusy(true);
    setSaved(0);
    setProblem("");
    const outcome = await changeAll(left, () => change, setSaved);
    for (const [id, { before, after }] of outcome.done) done.current.set(id, { before: done.current.get(id)?.before ?? before, after });
    setBusy(false);
    if (outcome.failed.length) {
      setLeft(outcome.failed);
      setProblem(outcome.done.size ? `${outcome.problem} ${t.again}` : outcome.problem);
      field.current?.focus();
    } else close([]);
  };
  return html`<${Dialog} title=${t.title(left.length)} canClose=${!isBusy} onClose=${() => close(done.current.size ? left : ids)}>
    <form class="stack" onSubmit=${save}>
      <div class="field">
        <label class="label" for="tags-add">${t.add}</label>
        <input ref=${field} id="tags-add" type="text" dir="auto" autocomplete="off" list="tags-known" value=${typed} aria-describedby="tags-hint tags-problem"
          aria-invalid=${problem ? "true" : undefined} onInput=${(event) => setTyped(event.target.value)} />
        <datalist id="tags-known">${shown.map((one) => html`<option key=${one} value=${one} />`)}</datalist>
        <p id="tags-problem" class="problem" role="alert">${problem}</p>
        <p id="tags-hint" class="hint">${t.hint}</p>
      </div>
      <fieldset class="tick">
        <legend class="label">${t.known}</legend>
        ${shown.map((tag) => {
          const has = count(tag);
          const isOn = wanted.get(tag) ?? has === left.length;
          const isMixed = !wanted.has(tag) && has > 0 && has < left.length;
          return html`<label key=${tag} class="check"><input type="checkbox" checked=${isOn} indeterminate=${isMixed} onChange=${() => setWanted(new Map([...wanted, [tag, isMixed || !isOn]]))} />
            <bdi>${tag}</bdi>${isMixed && html`<small>${t.ofAll(has, left.length)}</small>`}</label>`;
        })}
      </fieldset>
      <p class="actions"><button type="submit" class="primary" aria-busy=${isBusy}>${isBusy && left.length > 1 ? t.saving(saved, left.length) : t.save}</button></p>
    </form>
  <//>`;
}
