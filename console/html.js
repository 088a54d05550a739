/** Preact with htm: markup in template strings, which browsers understand without a build step. */

import htm from "htm";
import { h } from "preact";

/** @import { Html } from "./types.js" */

export const html = /** @type {Html} */ (htm.bind(h));
export { render } from "preact";
export { useEffect, useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
export { computed, effect, signal } from "@preact/signals";
