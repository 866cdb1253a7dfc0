// Draws what stands beside and below a chart.

import {brief, count, short} from './format.js';

export const FONT = '12px system-ui, sans-serif';

// Writes all numbers of an axis in one notation.
export function axisNumbers(splits) {
  const shown = splits.filter((y) => y != null && y !== 0).map(Math.abs);
  const least = Math.min(...shown);
  const greatest = Math.max(...shown);
  const plain = (least >= 1e-4 && greatest < 1e5) || !shown.length;
  return splits.map((y) => {
    if (y == null) return '';
    if (plain || y === 0) return String(+y.toPrecision(6));
    return String(+y.toPrecision(4)).includes('e') ? brief(y) : y.toExponential().replace('e+', 'e');
  });
}

// Writes iterations short, but no two the same: 12.3k, or 12,340 if 12,345 stands beside it.
export function axisIterations(splits) {
  const whole = splits.map((x) => (Number.isInteger(x) ? x : null));
  const text = (write) => whole.map((x) => (x == null ? '' : write(x)));
  const known = whole.filter((x) => x != null);
  return new Set(known.map(short)).size === known.length ? text(short) : text(count);
}

// An axis is as wide as its longest number, so that none is cut; in most cases as wide as those of
// other charts.
export function axisWidth(u, numbers) {
  u.ctx.save();
  u.ctx.font = FONT;
  const longest = Math.max(0, ...(numbers ?? []).map((text) => u.ctx.measureText(text).width));
  u.ctx.restore();
  return Math.max(62, Math.ceil(longest) + 16);
}

// The least and the greatest number that uPlot has steps for on a linear axis.
export const LEAST = 1e-14;
export const GREATEST = 1e15;

// Steps beyond those: a run that diverges goes on and on.
export const HUGE_STEPS = Array.from({length: 307 - 15}, (_, e) => [1, 2, 5].map((m) => Number(`${m}e${15 + e}`))).flat();

// uPlot draws no axis that none of its steps suits; logSplits needs none.
export const ANY_STEP = [Number.MAX_VALUE];

// Gives 1, 2 and 5 of each decade, or more where little more than one is in sight.
export function logSplits(u, axis, min, max) {
  const decades = Math.log10(max) - Math.log10(min);
  const digits = decades > 4 ? [1] : decades > 1.2 ? [1, 2, 5] : decades > 0.4 ? [1, 1.5, 2, 3, 4, 5, 6, 8] : null;
  if (!digits) {
    const step = niceStep((max - min) / 5);
    const out = [];
    for (let y = Math.ceil(min / step) * step; y <= max; y += step) out.push(+y.toPrecision(12));
    return out;
  }
  const out = [];
  const every = Math.max(1, Math.ceil(decades / 8));
  for (let e = Math.floor(Math.log10(min)); e <= Math.log10(max); ++e) {
    if (e % every) continue;
    for (const digit of digits) {
      const y = +(digit * 10 ** e).toPrecision(12);
      if (y >= min && y <= max) out.push(y);
    }
  }
  return out;
}

function niceStep(x) {
  const decade = 10 ** Math.floor(Math.log10(x));
  return decade * [1, 2, 5, 10].find((m) => m * decade >= x);
}
