// Makes of iterations what a chart draws: a window of them, at most a few rows a pixel, smoothed.

// Gives an exponential moving average over about `span` iterations; over fewer at the start of a
// run, where curves are steep and an average would lag behind. It is taken of rows that are a fair
// sample; values that are not finite are left out, and are gaps.
export function smooth(points, column, span) {
  const out = new Float64Array(points.length);
  const y = points[column];
  let sum = 0;
  let weight = 0;
  let before = points.length ? points.index[0] - 1 : 0;
  for (let i = 0; i < points.length; ++i) {
    const index = points.index[i];
    if (points.sampled[i] && Number.isFinite(y[i])) {
      const keep = Math.exp((before - index) / Math.min(span, 2 + index / 12));
      before = index;
      sum = keep * sum + (1 - keep) * y[i];
      weight = keep * weight + (1 - keep);
    }
    out[i] = weight > 0 && Number.isFinite(y[i]) ? sum / weight : NaN;
  }
  return out;
}

// Gives a span that fits so many iterations, in powers of two so that it seldom changes.
export const smoothingSpan = (iterations) => 2 ** Math.round(Math.log2(Math.max(iterations / 100, 2)));

// Gives the positions [from, to) of a window's rows, with a neighbour on either side.
export function within(points, {min, max}) {
  const from = min == null ? 0 : points.find(min);
  const to = max == null ? points.length : points.find(max + 1);
  return [Math.max(0, from - 1), Math.min(points.length, to + 1)];
}

// Gives the positions worth drawing on so many pixels: of each bucket, for each of the columns, the
// least and the greatest finite number and the first that is not finite, which is a gap.
export function pick(points, columns, [from, to], pixels) {
  const rows = to - from;
  const positions = [];
  if (rows <= 4 * pixels) {
    for (let i = from; i < to; ++i) positions.push(i);
    return positions;
  }
  const start = points.index[from];
  // Buckets have whole numbers of iterations, in powers of two, so that they stay put while the run
  // goes on.
  const width = 2 ** Math.ceil(Math.log2((points.index[to - 1] - start) / (2 * pixels)));
  for (let i = from; i < to;) {
    const bucket = Math.floor(points.index[i] / width);
    let end = i + 1;
    while (end < to && Math.floor(points.index[end] / width) === bucket) ++end;
    const kept = new Set();
    for (const column of columns) keepEnds(points[column], i, end, kept);
    positions.push(...[...kept].sort((a, b) => a - b));
    i = end;
  }
  return positions;
}

function keepEnds(y, from, end, kept) {
  let least = -1;
  let greatest = -1;
  let gap = -1;
  for (let i = from; i < end; ++i) {
    if (!Number.isFinite(y[i])) {
      if (gap < 0) gap = i;
      continue;
    }
    if (least < 0 || y[i] < y[least]) least = i;
    if (greatest < 0 || y[i] > y[greatest]) greatest = i;
  }
  for (const i of [least, greatest, gap]) if (i >= 0) kept.add(i);
}

// What can't be drawn is a gap.
export const drawable = (y, log) => (Number.isFinite(y) && (!log || y > 0) ? y : null);

// Gives the stretches [first, last] of iterations in a window where a number came out that is not
// finite.
export function nonFinite(points, column, [from, to]) {
  const stretches = [];
  let open = null;
  for (let i = from; i < to; ++i) {
    if (Number.isFinite(points[column][i])) {
      open = null;
    } else if (open) {
      open[1] = points.index[i];
    } else {
      stretches.push((open = [points.index[i], points.index[i]]));
    }
  }
  return stretches;
}
