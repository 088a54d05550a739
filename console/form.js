/** The fields of a model's requests. Each gets its value and passes a new one to `onChange`. */

import { count } from "./format.js";
import { html, useEffect, useRef, useState } from "./html.js";
import { IconButton } from "./icons.js";
import { Media } from "./media.js";
import { texts } from "./texts.js";

/**
 * @import {
 *   ChoiceShape, Field as FieldShape, GroupShape, JsonShape, ListShape, MediaShape, Named, NumberShape, Option,
 *   SwitchShape, TextShape, Value, Values,
 * } from "./types.js"
 */

/**
 * What the control of a field gets; `more` are the attributes that connect it with its hint and its problem.
 * @template F
 * @template V
 * @typedef {object} Control
 * @property {F & Named} field
 * @property {string} id
 * @property {V | undefined} value
 * @property {(value: Value) => void} onChange
 * @property {Record<string, string | undefined>} more
 */

const t = texts.make;

const KINDS = { text: Text, long: Long, number: Number_, choice: Choice, switch: Switch, media: MediaField, list: List, group: Group, json: Json };

/**
 * Render one field with its label, its hint and the API's message.
 * @param {{ field: FieldShape, value: Value, onChange: (value: Value) => void, problem?: string, id?: string }} props
 */
export function Field({ field, value, onChange, problem, id = `field-${field.path}` }) {
  const Kind = KINDS[field.kind];
  const isGroup = ["group", "list", "media"].includes(field.kind) || (field.kind === "choice" && field.isShort);
  const described = [field.hint && `${id}-hint`, problem && `${id}-problem`].filter(Boolean).join(" ") || undefined;
  const more = { "aria-describedby": described, "aria-invalid": problem ? "true" : undefined };
  const required = field.required && !/^prompt$|\[/.test(field.name) && html` <small>${t.required}</small>`;
  const control = html`<${Kind} field=${field} id=${id} value=${value} onChange=${onChange} more=${more} />`;
  const rest = html`${problem && html`<p id="${id}-problem" class="problem">${problem}</p>`}
    ${field.hint && html`<${Hint} id="${id}-hint" text=${field.hint} />`}`;
  if (field.kind === "switch") return html`<div class="field" data-field=${field.name}>${control}${rest}</div>`;
  if (isGroup) {
    return html`<fieldset class="field" data-field=${field.name} aria-describedby=${described}><legend class="label">${field.label}${required}</legend>${control}${rest}</fieldset>`;
  }
  return html`<div class="field" data-field=${field.name}><label class="label" for=${id}>${field.label}${required}</label>${control}${rest}</div>`;
}

/**
 * A hint. A long one is cut until the reader opens it.
 * @param {{ id: string, text: string }} props
 */
function Hint({ id, text }) {
  const [isOpen, setOpen] = useState(false);
  const isLong = text.length > 140;
  return html`<p class="hint"><span id=${id}>${isLong && !isOpen ? `${text.slice(0, 120).trimEnd()} …` : text}</span>
    ${isLong && !isOpen && html` <button type="button" class="link" onClick=${() => setOpen(true)}>${texts.more}</button>`}</p>`;
}

/** @param {Control<TextShape, string>} props */
function Text({ field, id, value, onChange, more }) {
  return html`<input id=${id} type="text" dir="auto" value=${value ?? ""} maxlength=${field.maxLength} ...${more}
    placeholder=${field.default ?? ""} onInput=${(event) => onChange(event.target.value)} />`;
}

/**
 * A field for text of several lines, as high as its text.
 * @param {Control<TextShape, string>} props
 */
function Long({ field, id, value, onChange, more }) {
  const area = useRef(/** @type {HTMLTextAreaElement | null} */ (null));
  useEffect(() => {
    if (!area.current) return;
    const { style, scrollHeight } = area.current;
    style.height = "auto";
    style.height = `${Math.min(area.current.scrollHeight || scrollHeight, innerHeight * 0.5) + 2}px`;
  }, [value]);
  return html`<textarea ref=${area} dir="auto" id=${id} rows=${field.name === "prompt" ? 4 : 2} value=${value ?? ""} ...${more}
    onInput=${(event) => onChange(event.target.value)}></textarea>`;
}

/** @param {Control<NumberShape, string | number>} props */
function Number_({ field, id, value, onChange, more }) {
  return html`<input id=${id} type="number" inputmode="decimal" value=${value ?? ""} min=${field.min} max=${field.max} step=${field.step}
    placeholder=${field.default ?? (field.min !== undefined && field.max !== undefined ? `${count(field.min)} – ${count(field.max)}` : "")}
    ...${more} onInput=${(event) => onChange(event.target.value)} />`;
}

/** @param {Control<ChoiceShape, Option>} props */
function Choice({ field, id, value, onChange, more }) {
  const none = field.default === undefined ? t.unset : t.default(String(field.default));
  if (!field.isShort) {
    return html`<select id=${id} value=${value === undefined ? "" : String(value)} ...${more} onChange=${(event) => onChange(event.target.value || undefined)}>
      ${!field.required && html`<option value="">${none}</option>`}
      ${field.required && value === undefined && html`<option value="">${t.unset}</option>`}
      ${field.options.map((one) => html`<option key=${String(one)} value=${String(one)}>${String(one)}</option>`)}
    </select>`;
  }
  const taken = value === undefined || value === "" ? field.default : value;
  return html`<span class="segments">
    ${field.options.map(
      (one) => html`<label key=${String(one)}>
        <input type="radio" name=${id} value=${String(one)} checked=${String(one) === String(taken)} onChange=${() => onChange(one)} />
        <span>${String(one)}</span>
      </label>`,
    )}
  </span>`;
}

/** @param {Control<SwitchShape, boolean>} props */
function Switch({ field, id, value, onChange, more }) {
  return html`<label class="check switch">
    <input id=${id} type="checkbox" role="switch" checked=${value ?? field.default ?? false} ...${more}
      onChange=${(event) => onChange(event.target.checked)} />
    <span>${field.label}</span>
  </label>`;
}

/** @param {Control<MediaShape, string>} props */
function MediaField({ field, id, value, onChange }) {
  return html`<${Media} field=${field} id=${id} value=${value} onChange=${onChange} />`;
}

/** @param {Control<ListShape, Value>} props */
function List({ field, id, value, onChange }) {
  const items = value === undefined ? [] : Array.isArray(value) ? value : [value];
  const set = (/** @type {number} */ index, /** @type {Value} */ one) => onChange(items.map((old, at) => (at === index ? one : old)));
  const isFull = field.most !== undefined && items.length >= field.most;
  const isMedia = field.item.kind === "media";
  const shown = isMedia && !isFull ? [...items, undefined] : items; // an empty place to drop the next one at
  return html`<div class="list">
    ${shown.map((one, index) => {
      /** @type {FieldShape} */
      const inner = { ...field.item, name: `${field.name}[${index}]`, hint: "", required: true, label: `${field.item.label} ${index + 1}` };
      const remove = html`<${IconButton} name="close" label=${t.removeItem(field.label, index + 1)}
        onClick=${() => onChange(items.filter((_, at) => at !== index))} />`;
      const put = (/** @type {Value} */ next) => {
        if (index >= items.length) onChange([...items, next]);
        else if (isMedia && !next) onChange(items.filter((_, at) => at !== index));
        else set(index, next);
      };
      if (isMedia) return html`<${Media} key=${`${index} ${one ?? ""}`} field=${inner} id="${id}-${index}" value=${one} onChange=${put} />`;
      return html`<div key=${index} class="item"><${Field} field=${inner} id="${id}-${index}" value=${one} onChange=${put} />${remove}</div>`;
    })}
    ${!isMedia && !isFull && html`<button type="button" onClick=${() => onChange([...items, field.item.kind === "group" ? {} : ""])}>${t.add}</button>`}
  </div>`;
}

/** @param {Control<GroupShape, Values>} props */
function Group({ field, id, value, onChange }) {
  return html`<div class="group">
    ${field.fields.map(
      (one) => html`<${Field} key=${one.name} field=${one} id="${id}-${one.name}" value=${value?.[one.name]}
        onChange=${(/** @type {Value} */ next) => onChange({ ...value, [one.name]: next })} />`,
    )}
  </div>`;
}

/** @param {Control<JsonShape, Value>} props */
function Json({ id, value, onChange, more }) {
  const text = value === undefined || typeof value === "string" ? (value ?? "") : JSON.stringify(value, null, 1);
  const isWrong = text.trim() !== "" && !isJson(text);
  return html`<textarea id=${id} rows="3" spellcheck="false" class="code" value=${text} ...${more}
      aria-invalid=${isWrong ? "true" : more["aria-invalid"]} onInput=${(event) => onChange(event.target.value)}></textarea>
    ${isWrong && html`<p class="problem">${t.notJson}</p>`}`;
}

/**
 * Return whether the value of a field is JSON: a text that can be parsed, or what an earlier request had.
 * @param {Value} value
 */
export function isJson(value) {
  if (typeof value !== "string") return true;
  try {
    JSON.parse(value);
    return true;
  } catch {
    return false;
  }
}
