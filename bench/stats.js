// SPDX-License-Identifier: MIT

/** @param {number[]} values @param {number} q 0…1 */
export function quantile(values, q) {
  const sorted = [...values].sort((a, b) => a - b);
  const position = (sorted.length - 1) * q;
  const low = Math.floor(position);
  const high = Math.ceil(position);
  return sorted[low] + (sorted[high] - sorted[low]) * (position - low);
}

/** "0.93 (0.88–0.97)": the median and the 10–90 % range. @param {number[]} values @param {number} [digits] */
export function summary(values, digits = 2) {
  const [middle, low, high] = [0.5, 0.1, 0.9].map((q) => quantile(values, q).toFixed(digits));
  return `${middle} (${low}–${high})`;
}

/** @template T @param {T[]} items @returns {T[]} */
export function shuffled(items) {
  const out = [...items];
  for (let i = out.length - 1; i > 0; i--) {
    const j = Math.floor(Math.random() * (i + 1));
    [out[i], out[j]] = [out[j], out[i]];
  }
  return out;
}
