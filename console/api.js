/** Call the HTTP API that served this page. */

import { noteTime, wait } from "./clock.js";
import { readable } from "./format.js";
import { signal } from "./html.js";
import { key, refuse, refused } from "./session.js";
import { texts } from "./texts.js";

/** @import { CallOptions, Failure, Get, Post, Problem, Query, UploadForm } from "./types.js" */

const PATIENCE = 35_000; // milliseconds; the API gives up after 29 seconds
const SLOWEST = 10; // bytes per millisecond of an upload: at this speed a file of 4 MiB takes seven minutes
const TRIES = 4; // attempts of a call that the API throttles

/** Whether the last call failed to reach the API. */
export const offline = signal(false);

/** A call that failed. The message is a sentence for the user. Without an answer `status` is 0. */
export class ApiError extends Error {
  /**
   * @param {number} status
   * @param {string} message
   * @param {Problem[]} [problems] of a request, each with its fields
   */
  constructor(status, message, problems = []) {
    super(message);
    this.status = status;
    this.problems = problems;
  }

  /** Whether the same call may succeed a little later. */
  get isPassing() {
    return this.status === 0 || this.status === 429 || this.status >= 500;
  }
}

/**
 * Return the status of an answer that reported an error; undefined for any other error.
 * @param {unknown} error
 */
export const statusOf = (error) => (error instanceof ApiError ? error.status : undefined);

/**
 * Return the message of an error, as a sentence for the user.
 * @param {unknown} error
 */
export const messageOf = (error) => readable(error instanceof Error ? error.message : String(error));

/**
 * Pass an error's message to `show`, unless the key was rejected: then the page asks for another key.
 * @param {unknown} error
 * @param {(message: string) => unknown} show
 */
export function showProblem(error, show) {
  if (statusOf(error) !== 401) show(messageOf(error));
}

/**
 * Return the URL of a path of the API. It is relative to the page, which is not at the root on a local cloud.
 * @param {string} path
 */
export const address = (path) => new URL(path.replace(/^\//, ""), new URL(".", document.baseURI));

/**
 * Call the API and return the answer's JSON. Throw an ApiError if that fails.
 * @param {string} method
 * @param {string} path
 * @param {CallOptions} [options]
 * @returns {Promise<unknown>}
 */
export async function call(method, path, options) {
  return passing((await callForAnswer(method, path, options)).json());
}

/**
 * Call the API and return the whole answer. Throw an ApiError if that fails.
 * @param {string} method
 * @param {string} path
 * @param {CallOptions} [options]
 */
export async function callForAnswer(method, path, { query = {}, json, body, headers = {}, keepalive, with: given } = {}) {
  const used = given ?? key.value;
  if (!used || (refused.value && !given)) throw new ApiError(401, texts.signIn.notValid);
  const url = address(path);
  for (const [name, value] of Object.entries(query)) if (value !== undefined && value !== "") url.searchParams.set(name, String(value));
  const sent = json === undefined ? body : JSON.stringify(json);
  /** @type {Record<string, string>} */
  const type = json === undefined ? {} : { "Content-Type": "application/json" };
  const answer = await reach(url, {
    method,
    body: sent,
    headers: { Authorization: `Bearer ${used}`, ...type, ...headers },
    cache: "no-store",
    credentials: "omit",
    redirect: "error",
    keepalive,
    signal: AbortSignal.timeout(PATIENCE + (body?.size ?? 0) / SLOWEST),
  });
  if (!answer.ok) throw await problemOf(answer, used);
  return answer;
}

/**
 * Return what a call returns. Try it again after a while if there are too many requests.
 * @template T
 * @param {() => Promise<T>} run
 */
export async function patiently(run) {
  for (let attempt = 1; ; attempt++) {
    try {
      return await run();
    } catch (error) {
      if (attempt === TRIES || statusOf(error) !== 429) throw error;
      await wait(1000 * 2 ** attempt);
    }
  }
}

/** Get what is at a path and return it. */
export const get = /** @type {Get} */ ((/** @type {string} */ path, /** @type {Query} */ query) => call("GET", path, { query }));

/** Post JSON to a path and return the answer. */
export const post = /** @type {Post} */ (
  (/** @type {string} */ path, /** @type {unknown} */ json, /** @type {CallOptions} */ more) => call("POST", path, { json, ...more })
);

/**
 * @param {URL} url
 * @param {RequestInit} options
 */
async function reach(url, options) {
  const answer = await passing(fetch(url, options));
  noteTime(answer);
  offline.value = false;
  return answer;
}

/**
 * Wait for an answer, or for its body, and return that. Throw an ApiError if the connection fails.
 * @template T
 * @param {Promise<T>} asked
 */
async function passing(asked) {
  try {
    return await asked;
  } catch (error) {
    if (error instanceof Error && error.name === "TimeoutError") throw new ApiError(0, texts.api.slow);
    offline.value = true;
    throw new ApiError(0, texts.api.network);
  }
}

/**
 * @param {Response} answer
 * @param {string} used
 */
async function problemOf(answer, used) {
  /** @type {Partial<Failure & { problems: Problem[] }>} */
  let said = {};
  try {
    said = await answer.json();
  } catch {
    // A proxy between the page and the API may send anything.
  }
  const message = typeof said.message === "string" ? said.message : "";
  if (answer.status === 429) return new ApiError(429, texts.api.throttled);
  if (answer.status === 401 && message.includes("scope")) return new ApiError(403, texts.signIn.scope);
  if (answer.status === 401) {
    refuse(used);
    return new ApiError(401, texts.signIn.notValid);
  }
  if (answer.status === 404) return new ApiError(404, texts.api.missing);
  if (answer.status >= 500) return new ApiError(answer.status, texts.api.unexpected(answer.status));
  return new ApiError(answer.status, message || texts.api.unexpected(answer.status), said.problems);
}

/**
 * Send a file to an upload form of the API. `onPart` gets the part that has been sent, from 0 to 1.
 * @param {UploadForm} form
 * @param {File} file
 * @param {(part: number) => void} [onPart]
 * @returns {Promise<void>}
 */
export function sendForm(form, file, onPart = () => {}) {
  const data = new FormData();
  for (const [name, value] of Object.entries(form.fields)) data.append(name, value);
  data.append("file", file);
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest(); // fetch does not report the progress of an upload
    request.open("POST", form.url);
    request.upload.onprogress = (event) => {
      if (event.lengthComputable) onPart(event.loaded / event.total);
    };
    request.onload = () =>
      request.status < 300 ? resolve() : reject(new ApiError(request.status, texts.api.upload(request.status)));
    request.onerror = () => reject(new ApiError(0, texts.api.network));
    request.send(data);
  });
}
