/** A bar chart. Each bar has a tooltip, and the chart has a label in words. */

import { html } from "./html.js";

const LEAST = 2; // percent: a bar that is not 0 stays visible

/**
 * Render bars with their axis: the highest value, its half, and 0.
 * @param {{ bars: { name: string | number, value: number, title: string }[], label: string, shown: (value: number) => string, most?: number }} props
 */
export function Plot({ bars, label, shown, most }) {
  const highest = most ?? Math.max(...bars.map(({ value }) => value));
  return html`<div class="axis">
    <span aria-hidden="true">${highest > 0 && [highest, highest / 2, 0].map((value) => html`<span key=${value}>${shown(value)}</span>`)}</span>
    <${Bars} bars=${bars} most=${most} label=${label} />
  </div>`;
}

/**
 * Render bars in order. A bar of `most`, by default the largest value, has the full height.
 * @param {{ bars: { name: string | number, value: number, title: string }[], most?: number, label: string }} props
 */
export function Bars({ bars, most, label }) {
  const highest = most ?? Math.max(...bars.map(({ value }) => value));
  return html`<svg viewBox="0 0 ${bars.length * 10} 100" preserveAspectRatio="none" role="img" aria-label=${label}>
    ${bars.map(({ name, value, title }, index) => {
      const height = value > 0 ? Math.max(LEAST, Math.min(100, (value / highest) * 100)) : 0.6;
      return html`<rect key=${name} x=${index * 10 + 1} width="8" y=${100 - height} height=${height} class=${value > 0 ? "" : "none"}><title>${title}</title></rect>`;
    })}
  </svg>`;
}
