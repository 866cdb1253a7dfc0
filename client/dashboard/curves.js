// From iterations to what a chart draws: a window of them, at most a few rows a pixel, smoothed.

// An exponential moving average over about `span` iterations; over fewer at the start of a run, where
// curves are steep and an average would lag behind. Values that are not finite are left out,
// and are gaps.
export function smooth(points, column, span) {
  const out = new Float64Array(points.length);
  const y = points[column === 'value' ? 'mean' : column];
  let sum = 0;
  let weight = 0;
  let before = points.length ? points.index[0] - 1 : 0;
  for (let i = 0; i < points.length; ++i) {
    const index = points.index[i];
    const keep = Math.exp((before - index) / Math.min(span, 2 + index / 12));
    before = index;
    if (Number.isFinite(y[i])) {
      sum = keep * sum + (1 - keep) * y[i];
      weight = keep * weight + (1 - keep);
    }
    out[i] = weight > 0 && Number.isFinite(y[i]) ? sum / weight : NaN;
  }
  return out;
}

// A span that fits so many iterations, in powers of two so that it seldom changes.
export const smoothingSpan = (iterations) => 2 ** Math.round(Math.log2(Math.max(iterations / 100, 2)));

// The positions [from, to) of a window's rows, with a neighbour on either side.
export function within(points, {min, max}) {
  const from = min == null ? 0 : points.find(min);
  const to = max == null ? points.length : points.find(max + 1);
  return [Math.max(0, from - 1), Math.min(points.length, to + 1)];
}

// The positions worth drawing on so many pixels: of each bucket the least and the greatest.
export function pick(points, column, [from, to], pixels) {
  const rows = to - from;
  const positions = [];
  if (rows <= 4 * pixels) {
    for (let i = from; i < to; ++i) positions.push(i);
    return positions;
  }
  const y = points[column];
  const start = points.index[from];
  // Whole numbers of iterations, in powers of two: buckets stay put while the run goes on.
  const width = 2 ** Math.ceil(Math.log2((points.index[to - 1] - start) / (2 * pixels)));
  for (let i = from; i < to;) {
    const bucket = Math.floor(points.index[i] / width);
    let least = i;
    let greatest = i;
    for (++i; i < to && Math.floor(points.index[i] / width) === bucket; ++i) {
      if (y[i] < y[least] || Number.isNaN(y[least])) least = i;
      if (y[i] > y[greatest] || Number.isNaN(y[greatest])) greatest = i;
    }
    positions.push(Math.min(least, greatest));
    if (least !== greatest) positions.push(Math.max(least, greatest));
  }
  return positions;
}

// What can't be drawn is a gap.
export const drawable = (y, log) => (Number.isFinite(y) && (!log || y > 0) ? y : null);
