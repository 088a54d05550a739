/** A model's JSON Schema as the fields of a form, and what was typed as a request. No page is needed here. */

// Before "more settings": what most who make a video choose.
const FIRST = ["prompt", "duration", "aspect_ratio", "resolution", "seed", "generate_audio"];
const LONG = /prompt|text|script|lyrics/;
const FEW = 4; // choices that are shown all at once

/**
 * The fields of a request, in the order in which they are asked for:
 * `{name, path, label, hint, kind, required, isFirst}` with what its kind has beside:
 *
 *     text, long, json
 *     number      min, max, step
 *     choice      options, isShort
 *     switch      default
 *     media       media (image, video, audio), types, most (bytes)
 *     list        item (a field), most, mayBeOne
 *     group       fields
 */
export function fieldsOf(schema, inputs = []) {
  const fields = propertiesOf(schema, inputs, "").filter(({ name }) => name !== "model");
  const rank = ({ name, kind, required, item }) => {
    if (name === "prompt") return 0;
    if (kind === "media" || item?.kind === "media") return required ? 1 : 2;
    return FIRST.includes(name) ? 3 + FIRST.indexOf(name) : required ? 3 : 20;
  };
  return fields.map((field, index) => ({ ...field, isFirst: field.required || rank(field) < 20, index })).sort((a, b) => rank(a) - rank(b) || a.index - b.index);
}

function propertiesOf(schema, inputs, path) {
  const required = new Set(schema.required ?? []);
  return Object.entries(schema.properties ?? {}).map(([name, one]) => ({
    ...fieldOf(one, inputs, path + name, name),
    name,
    required: required.has(name),
  }));
}

function fieldOf(schema, inputs, path, name) {
  const common = { path, label: labelOf(name), hint: schema.description ?? "", default: schema.default };
  const input = inputs.find(({ field }) => field === path);
  const many = inputs.find(({ field }) => field === `${path}[]`);
  // Some take one file or a list of them.
  if (input && many) return { ...common, kind: "list", item: fieldOf(schema, [many], `${path}[]`, name), most: schema.maxItems, mayBeOne: true };
  if (input) return { ...common, kind: "media", media: input.media, types: input.media_types ?? [], most: input.max_bytes };
  if (schema.enum) {
    // Some take numbers as text, too: one of each is enough.
    const options = [...new Map(schema.enum.map((value) => [String(value), value]).reverse()).values()].reverse();
    return { ...common, kind: "choice", options, isShort: options.length <= FEW && options.every((one) => String(one).length < 12) };
  }
  const type = [schema.type].flat().find((one) => one !== "null");
  switch (type) {
    case "boolean":
      return { ...common, kind: "switch" };
    case "integer":
    case "number":
      return { ...common, kind: "number", min: schema.minimum, max: schema.maximum, step: type === "integer" ? 1 : "any" };
    case "string":
      return { ...common, kind: LONG.test(name) || schema.maxLength > 300 ? "long" : "text", maxLength: schema.maxLength };
    case "array":
      return { ...common, kind: "list", item: fieldOf(schema.items ?? {}, inputs, `${path}[]`, name), most: schema.maxItems };
    case "object":
      return schema.properties ? { ...common, kind: "group", fields: propertiesOf(schema, inputs, `${path}.`) } : { ...common, kind: "json" };
    default:
      return { ...common, kind: "json" };
  }
}

/** "image_url" → "Image". */
export function labelOf(name) {
  const words = name.replace(/_urls?$/, (end) => (end === "_urls" ? "s" : "")).replace(/_/g, " ").trim() || name;
  return words[0].toUpperCase() + words.slice(1);
}

/** What was typed, as the request that is sent: only what this model takes, and nothing that was left empty. */
export function requestOf(model, fields, values) {
  return { model, ...valuesOf(fields, values) };
}

function valuesOf(fields, values) {
  const found = {};
  for (const field of fields) {
    const value = valueOf(field, values?.[field.name]);
    if (value !== undefined) found[field.name] = value;
  }
  return found;
}

function valueOf(field, value) {
  if (value === undefined || value === null || value === "") return undefined;
  switch (field.kind) {
    case "number":
      return Number.isNaN(Number(value)) ? value : Number(value); // the API says what is wrong
    case "choice":
      return field.options.find((one) => String(one) === String(value));
    case "list": {
      const items = [value].flat().map((one) => valueOf(field.item, one)).filter((one) => one !== undefined);
      if (field.mayBeOne && items.length < 2) return items[0];
      return items.length ? items : undefined;
    }
    case "group": {
      const group = valuesOf(field.fields, value);
      return Object.keys(group).length ? group : undefined;
    }
    case "json":
      return typeof value === "string" ? JSON.parse(value) : value;
    default:
      return value;
  }
}

/** A request as what is typed: the way back from `requestOf`. What has no schema has all but its prompt as JSON. */
export function typedOf(request, hasSchema = true) {
  const { model, ...values } = request;
  const { prompt, ...others } = values;
  return { model, values: hasSchema ? values : { prompt, others } };
}

/**
 * What the API said of a request, by the field that it is about: its sentences name each field first. What is about
 * none of the fields is under "".
 */
export function problemsOf(message, fields) {
  const found = {};
  const note = (name, sentence) => {
    found[name] = found[name] ? `${found[name]} ${sentence}` : sentence;
  };
  for (const sentence of message.split(/; (?=`|Either )/)) {
    const about = /^(Either )?(`[^`]+`(, | or | and | with )?)+/.exec(sentence)?.[0] ?? "";
    const paths = [...about.matchAll(/`([^`]+)`/g)].map(([, path]) => path.split(/[.[]/)[0]);
    const named = [...new Set(paths)].filter((name) => fields.some((field) => field.name === name));
    for (const name of named.length ? named : [""]) note(name, `${sentence.replace(/\.$/, "")}.`);
  }
  return found;
}

/** The column of a table that a problem is about, if it says so. */
export const columnOf = (message) => /`([^`]+)`/.exec(message)?.[1] ?? "";

/** Seeds for so many variations of a request: those after the one that was asked for, else any. */
export function seedsFor(field, request, count) {
  if (!field || field.kind !== "number" || count < 2) return null;
  const most = Math.min(field.max ?? 2 ** 31 - 1, 2 ** 31 - 1);
  const least = Math.max(0, field.min ?? 0);
  const first = typeof request.seed === "number" ? request.seed : least + Math.floor(Math.random() * (most - least - count + 1));
  return Array.from({ length: count }, (_, index) => (first + index > most ? least + index : first + index));
}
