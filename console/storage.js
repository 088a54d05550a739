/** What this tab and this device keep; a browser that keeps nothing for the page has it for as long as the page is open. */

export const ofTab = open("sessionStorage");
export const ofDevice = open("localStorage");

function open(name) {
  try {
    return globalThis[name];
  } catch {
    const kept = new Map();
    return {
      getItem: (key) => kept.get(key) ?? null,
      setItem: (key, value) => kept.set(key, value),
      removeItem: (key) => kept.delete(key),
    };
  }
}
