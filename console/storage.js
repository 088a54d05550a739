/** What this tab and this device keep. If the browser stores nothing for the page, it lasts as long as the page is open. */

/** @typedef {Pick<Storage, "getItem" | "setItem" | "removeItem">} Kept */

export const ofTab = open("sessionStorage");
export const ofDevice = open("localStorage");

/**
 * @param {"sessionStorage" | "localStorage"} name
 * @returns {Kept}
 */
function open(name) {
  try {
    return globalThis[name];
  } catch {
    /** @type {Map<string, string>} */
    const kept = new Map();
    return {
      getItem: (key) => kept.get(key) ?? null,
      setItem: (key, value) => kept.set(key, value),
      removeItem: (key) => kept.delete(key),
    };
  }
}
