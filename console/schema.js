/** The fields of a form from a model's JSON Schema, and the request from the typed values. This module needs no page. */

import { readable } from "./format.js";
import { rules } from "./texts.js";

/** @import { Field, JsonSchema, ModelInput, Problem, Shape, Value, Values, VideoRequest } from "./types.js" */

// The attributes that most users set: they are shown before "More settings".
const FIRST = ["prompt", "duration", "aspect_ratio", "resolution", "seed", "generate_audio"];
const LONG = /prompt|text|script|lyrics/;
const SEVERAL = new Set(["oneOf", "anyOf", "not"]); // rules whose texts name their fields
const FEW = 4; // choices that are shown on one line

/**
 * Return the fields of a request, in the order of the form.
 * @param {JsonSchema} schema
 * @param {ModelInput[]} [inputs]
 * @returns {Field[]}
 */
export function fieldsOf(schema, inputs = []) {
  const fields = propertiesOf(schema, inputs, "").filter(({ name }) => name !== "model");
  const rank = (/** @type {Field} */ field) => {
    const { name, required } = field;
    if (name === "prompt") return 0;
    if (mediaOf(field)) return required ? 1 : 2;
    return FIRST.includes(name) ? 3 + FIRST.indexOf(name) : required ? 3 : 20;
  };
  return fields.map((field, index) => ({ ...field, isFirst: field.required || rank(field) < 20, index })).sort((a, b) => rank(a) - rank(b) || a.index - b.index);
}

/**
 * Return the kinds of media that a field accepts, singly or in a list; undefined for other fields.
 * @param {Shape} field
 */
export function mediaOf(field) {
  const one = field.kind === "list" ? field.item : field;
  return one.kind === "media" ? one.media : undefined;
}

/**
 * @param {JsonSchema} schema
 * @param {ModelInput[]} inputs
 * @param {string} path
 * @returns {Field[]}
 */
function propertiesOf(schema, inputs, path) {
  const required = new Set(schema.required ?? []);
  return Object.entries(schema.properties ?? {}).map(([name, one]) => ({
    ...fieldOf(one, inputs, path + name, name),
    name,
    required: required.has(name),
  }));
}

/**
 * @param {JsonSchema} schema
 * @param {ModelInput[]} inputs
 * @param {string} path
 * @param {string} name
 * @returns {Shape}
 */
function fieldOf(schema, inputs, path, name) {
  const common = { path, label: labelOf(name), hint: schema.description ?? "", default: schema.default };
  const input = inputs.find(({ field }) => field === path);
  const many = inputs.find(({ field }) => field === `${path}[]`);
  // Some attributes are either one file or a list of files.
  if (input && many) return { ...common, kind: "list", item: fieldOf(schema, [many], `${path}[]`, name), most: schema.maxItems, mayBeOne: true };
  if (input) return { ...common, kind: "media", media: input.media, types: input.media_types ?? [], most: input.max_bytes };
  if (schema.enum) {
    // Some models list each number twice, also as text: show it once.
    const options = schema.enum.filter((value, index, all) => all.findIndex((one) => String(one) === String(value)) === index);
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
      return { ...common, kind: LONG.test(name) || (schema.maxLength ?? 0) > 300 ? "long" : "text", maxLength: schema.maxLength };
    case "array":
      return { ...common, kind: "list", item: fieldOf(schema.items ?? {}, inputs, `${path}[]`, name), most: schema.maxItems };
    case "object":
      return schema.properties ? { ...common, kind: "group", fields: propertiesOf(schema, inputs, `${path}.`) } : { ...common, kind: "json" };
    default:
      return { ...common, kind: "json" };
  }
}

/**
 * Return the label of an attribute: "Image" for "image_url".
 * @param {string} name
 */
function labelOf(name) {
  const words = name.replace(/_urls?$/, (end) => (end === "_urls" ? "s" : "")).replace(/_/g, " ").trim() || name;
  return words.charAt(0).toUpperCase() + words.slice(1);
}

/**
 * Return the label of an inner attribute, with items counted from 1: "Elements 1 > Video" for "elements.0.video_url".
 * @param {string} path
 */
const pathLabel = (path) =>
  path.replace(/([^.]+)\.?(?:(\d+)\.?)?/g, (_, name, index) => `${labelOf(name)}${index ? ` ${Number(index) + 1}` : ""} > `).slice(0, -3);

/**
 * Return the request that is sent: the values that have a field and are not empty.
 * @param {string} model
 * @param {Field[]} fields
 * @param {Values} values
 * @returns {VideoRequest}
 */
export function requestOf(model, fields, values) {
  return { model, ...valuesOf(fields, values) };
}

/**
 * @param {Field[]} fields
 * @param {Values} values
 */
function valuesOf(fields, values) {
  /** @type {Values} */
  const found = {};
  for (const field of fields) {
    const value = valueOf(field, values[field.name]);
    if (value !== undefined) found[field.name] = value;
  }
  return found;
}

/**
 * @param {Shape} field
 * @param {Value} value
 * @returns {Value}
 */
function valueOf(field, value) {
  if (value === undefined || value === null || value === "") return undefined;
  switch (field.kind) {
    case "number":
      return Number.isNaN(Number(value)) ? value : Number(value); // the API says what is wrong
    case "choice":
      return field.options.find((one) => String(one) === String(value));
    case "list": {
      const items = (Array.isArray(value) ? value : [value]).map((one) => valueOf(field.item, one)).filter((one) => one !== undefined);
      if (field.mayBeOne && items.length < 2) return items[0];
      return items.length ? items : undefined;
    }
    case "group": {
      const group = valuesOf(field.fields, /** @type {Values} */ (value));
      return Object.keys(group).length ? group : undefined;
    }
    case "json":
      return typeof value === "string" ? JSON.parse(value) : value;
    default:
      return value;
  }
}

/**
 * Return the model and the values of a request, as `requestOf` takes them. Without a schema all values except the prompt
 * are JSON.
 * @param {VideoRequest} request
 * @param {boolean} [hasSchema]
 * @returns {{ model: string, values: Values }}
 */
export function typedOf(request, hasSchema = true) {
  const { model, ...values } = request;
  const { prompt, ...others } = values;
  return { model, values: hasSchema ? values : { prompt, others } };
}

/**
 * Return what is wrong with a request, in the console's words, by field. Problems of none of the fields are under "".
 * @param {Problem[]} problems
 * @param {Field[]} fields
 */
export function problemsOf(problems, fields) {
  /** @type {Record<string, string | undefined>} */
  const found = {};
  for (const problem of problems) {
    const names = new Set(problem.fields.map((path) => path.replace(/\..*/, "")));
    const shown = fields.filter(({ name }) => names.has(name));
    for (const field of shown.length ? shown : [undefined]) {
      const text = worded(problem, field);
      const name = field?.name ?? "";
      found[name] = found[name] ? `${found[name]} ${text}` : text;
    }
  }
  return found;
}

/**
 * Return the text of a problem, for display next to a field, or above the form without one.
 * @param {Problem} problem
 * @param {Field} [field]
 */
function worded({ fields, message, rule, allowed }, field) {
  const about = fields.map(pathLabel);
  const text = rules[rule]?.(allowed, about);
  if (text === undefined) return readable(message);
  // The label next to the text is that of the whole field, so an inner field is named.
  const isNamed = SEVERAL.has(rule) || (field && fields.includes(field.name));
  return isNamed ? text : `${about.join(", ")}: ${text}`;
}

/**
 * Return different seeds for the variations of a request, which begin with its own seed if it has one. Return null if the
 * model has no seeds or there is only one variation.
 * @param {Field | undefined} field
 * @param {VideoRequest} request
 * @param {number} count
 */
export function seedsFor(field, request, count) {
  if (!field || field.kind !== "number" || count < 2) return null;
  const most = Math.min(field.max ?? 2 ** 31 - 1, 2 ** 31 - 1);
  const least = Math.max(0, field.min ?? 0);
  const first = typeof request.seed === "number" ? request.seed : least + Math.floor(Math.random() * (most - least - count + 1));
  return Array.from({ length: count }, (_, index) => (first + index > most ? least + index : first + index));
}
