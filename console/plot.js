/** Bars, each with what it stands for when pointed at; what they say in words is their label. */

import { html } from "./html.js";

const LEAST = 2; // percent: what is more than nothing is seen

/** `bars` are `{name, value, title}` in order; one of `most`, if that is given, is as high as there is room. */
export function Bars({ bars, most, label }) {
  const highest = most ?? Math.max(...bars.map(({ value }) => value));
  return html`<svg viewBox="0 0 ${bars.length * 10} 100" preserveAspectRatio="none" role="img" aria-label=${label}>
    ${bars.map(({ name, value, title }, index) => {
      const height = value > 0 ? Math.max(LEAST, Math.min(100, (value / highest) * 100)) : 0.6;
      return html`<rect key=${name} x=${index * 10 + 1} width="8" y=${100 - height} height=${height} class=${value > 0 ? "" : "none"}><title>${title}</title></rect>`;
    })}
  </svg>`;
}
