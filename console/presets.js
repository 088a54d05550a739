/** Settings with a name, which this device keeps, without the prompt and the media. */

import { change, draft } from "./draft.js";
import { html } from "./html.js";
import { IconButton } from "./icons.js";
import { titleOf } from "./models.js";
import { mediaOf } from "./schema.js";
import { kept } from "./settings.js";
import { texts } from "./texts.js";
import { Dialog, say } from "./toasts.js";

/** @import { Field, Values } from "./types.js" */

/** @typedef {{ name: string, model: string, values: Values }} Preset */

const t = texts.presets;
const MOST = 30;
const presets = kept("presets", /** @type {Preset[]} */ ([]));

/**
 * Render the dialog.
 * @param {{ fields: Field[], onClose: () => void }} props the fields of the current form
 */
export function Presets({ fields, onClose }) {
  const { model, values } = draft.value;
  const save = () => {
    if (!model) return;
    const own = fields.filter((one) => one.name !== "prompt" && one.name !== "seed" && !mediaOf(one) && values[one.name] !== undefined && values[one.name] !== "");
    const settings = own.map((one) => `${one.label} ${String(values[one.name]).slice(0, 20)}`);
    const name = [titleOf(model), ...settings.slice(0, 4)].join(", ");
    const preset = { name, model, values: Object.fromEntries(own.map((one) => [one.name, values[one.name]])) };
    presets.value = [preset, ...presets.value.filter((one) => one.name !== name)].slice(0, MOST);
  };
  const use = (/** @type {Preset} */ preset) => {
    const media = Object.fromEntries(fields.filter((one) => one.name === "prompt" || (preset.model === model && mediaOf(one))).map((one) => [one.name, values[one.name]]));
    change({ model: preset.model, values: { ...media, ...preset.values }, pending: null });
    say(t.used);
    onClose();
  };
  return html`<${Dialog} title=${texts.make.presets} onClose=${onClose}>
    <p class="hint">${t.lead}</p>
    <ul class="past">
      ${presets.value.map(
        (one) => html`<li key=${one.name}>
          <button type="button" onClick=${() => use(one)}>${one.name}</button>
          <${IconButton} name="close" label=${t.remove(one.name)} onClick=${() => (presets.value = presets.value.filter((other) => other !== one))} />
        </li>`,
      )}
    </ul>
    <p><button type="button" class="primary" onClick=${save}>${t.save}</button></p>
  <//>`;
}
