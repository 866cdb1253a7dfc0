// From iterations to what a chart draws: a window of them, at most a few rows a pixel, smoothed.

// An exponential moving average of the values over about `span` iterations, corrected for its start.
export function smooth(points, span) {
  const out = new Float64Array(points.length);
  let sum = 0;
  let weight = 0;
  let before = points.length ? points.index[0] - 1 : 0;
  for (let i = 0; i < points.length; ++i) {
    const keep = Math.exp((before - points.index[i]) / span);
    before = points.index[i];
    const mean = points.mean[i];
    if (Number.isFinite(mean)) {
      sum = keep * sum + (1 - keep) * mean;
      weight = keep * weight + (1 - keep);
    }
    out[i] = weight > 0 ? sum / weight : NaN;
  }
  return out;
}

// A span that fits so many iterations, in powers of two so that it seldom changes.
export const smoothingSpan = (iterations) => 2 ** Math.round(Math.log2(Math.max(iterations / 70, 2)));

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
