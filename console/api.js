/** Calls of the HTTP API that this page came from. */

import { noteTime } from "./clock.js";
import { signal } from "./html.js";
import { key, refuse, refused } from "./session.js";
import { texts } from "./texts.js";

const PATIENCE = 35_000; // milliseconds; the API gives up after 29 seconds
const SLOWEST = 10; // bytes in a millisecond, of what is sent: a file of 4 MiB takes seven minutes then

/** Whether the API could not be reached at the last try. */
export const offline = signal(false);

/** A call that did not go through; the message is a sentence for the user. `status` is 0 where nothing was answered. */
export class ApiError extends Error {
  constructor(status, message, path = "") {
    super(message);
    this.status = status;
    this.path = path;
  }

  /** Whether the same call may go through a little later. */
  get isPassing() {
    return this.status === 0 || this.status === 429 || this.status >= 500;
  }
}

/** The address of a path of the API, wherever the page is: on a local cloud it is not at the root. */
export const address = (path) => new URL(path.replace(/^\//, ""), new URL(".", document.baseURI));

/** The answer's JSON, or the whole answer with `as: "answer"`; raises ApiError. */
export async function call(method, path, { query = {}, json, body, headers = {}, as = "json", keepalive, with: given } = {}) {
  const used = given ?? key.value;
  if (!used || (refused.value && !given)) throw new ApiError(401, texts.signIn.notValid);
  const url = address(path);
  for (const [name, value] of Object.entries(query)) if (value !== undefined && value !== "") url.searchParams.set(name, value);
  const sent = json === undefined ? body : JSON.stringify(json);
  const type = json === undefined ? {} : { "Content-Type": "application/json" };
  const answer = await reach(url, {
    method,
    body: sent,
    headers: { Authorization: `Bearer ${used}`, ...type, ...headers },
    cache: "no-store",
    credentials: "omit",
    redirect: "error",
    keepalive,
    signal: AbortSignal.timeout(PATIENCE + (sent?.size ?? 0) / SLOWEST),
  });
  if (!answer.ok) throw await problemOf(answer, used);
  return as === "json" ? passing(answer.json()) : answer;
}

export const get = (path, query, more) => call("GET", path, { query, ...more });
export const post = (path, json, more) => call("POST", path, { json, ...more });
export const remove = (path, query, more) => call("DELETE", path, { query, ...more });

async function reach(url, options) {
  const answer = await passing(fetch(url, options));
  noteTime(answer);
  offline.value = false;
  return answer;
}

/** What was asked for, or the sentence that says why it did not come, or not to its end. */
async function passing(asked) {
  try {
    return await asked;
  } catch (error) {
    if (error.name === "TimeoutError") throw new ApiError(0, texts.api.slow);
    offline.value = true;
    throw new ApiError(0, texts.api.network);
  }
}

async function problemOf(answer, used) {
  let said = {};
  try {
    said = await answer.json();
  } catch {
    // what stands between us and the API may answer anything
  }
  const message = typeof said.message === "string" ? said.message : "";
  if (answer.status === 429) return new ApiError(429, texts.api.throttled);
  if (answer.status === 401 && message.includes("scope")) return new ApiError(403, texts.signIn.scope + message);
  if (answer.status === 401) {
    refuse(used);
    return new ApiError(401, message || texts.signIn.notValid);
  }
  return new ApiError(answer.status, message || texts.api.unexpected(answer.status));
}

/** Send a file to a form that the API gave, `onPart` is told how much of it is sent, from 0 to 1. */
export function sendForm(form, file, onPart = () => {}) {
  const data = new FormData();
  for (const [name, value] of Object.entries(form.fields)) data.append(name, value);
  data.append("file", file);
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest(); // fetch does not tell how much is sent
    request.open("POST", form.url);
    request.upload.onprogress = (event) => event.lengthComputable && onPart(event.loaded / event.total);
    request.onload = () =>
      request.status < 300 ? resolve() : reject(new ApiError(request.status, texts.api.upload(request.status)));
    request.onerror = () => reject(new ApiError(0, texts.api.network));
    request.send(data);
  });
}
