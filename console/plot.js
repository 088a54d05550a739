/** A bar chart. Each bar has a tooltip, and the chart has a label in words. */

import { html } from "./html.js";

const LEAST = 2; // percent: a bar that is not 0 stays visible
const STEPS = [1, 1.2, 1.6, 2, 2.4, 3, 4, 5, 6, 8, 10]; // of an axis, times a power of ten

/**
 * Return the end of an axis that holds a value, so that it and its half are short numbers.
 * @param {number} value
 */
export function endOfAxis(value) {
  if (!(value > 0)) return 0;
  const power = 10 ** Math.floor(Math.log10(value));
  return Number(((STEPS.find((step) => step * power >= value * 0.9999) ?? 10) * power).toPrecision(3));
}

/**
 * Render bars with their axis: its end, its half, and 0.
 * @param {{ bars: { name: string | number, value: number, title: string }[], label: string, shown: (value: number) => string, most?: number }} props
 */
export function Plot({ bars, label, shown, most = 0 }) {
  const highest = endOfAxis(Math.max(most, ...bars.map(({ value }) => value)));
  return html`<div class="axis">
    <span aria-hidden="true">${highest > 0 && [highest, highest / 2, 0].map((value) => html`<span key=${value}>${shown(value)}</span>`)}</span>
    <${Bars} bars=${bars} most=${highest} label=${label} />
  </div>`;
}

/**
 * Render bars in order. A bar of `most` has the full height.
 * @param {{ bars: { name: string | number, value: number, title: string }[], most: number, label: string }} props
 */
function Bars({ bars, most, label }) {
  return html`<svg viewBox="0 0 ${bars.length * 10} 100" preserveAspectRatio="none" role="img" aria-label=${label}>
    ${bars.map(({ name, value, title }, index) => {
      const height = value > 0 ? Math.max(LEAST, Math.min(100, (value / most) * 100)) : 0.6;
      return html`<rect key=${name} x=${index * 10 + 1} width="8" y=${100 - height} height=${height} class=${value > 0 ? "" : "none"}><title>${title}</title></rect>`;
    })}
  </svg>`;
}
