// Knows how fast a run is now: over the last seconds of computing time (pauses excluded).

import {toNumber} from './format.js';

const SPAN = 5;  // seconds

export class Rate {
  #rows = [];
  heard = 0;  // when the last iteration came, by this machine's monotonic clock

  add({index, samples, elapsed}) {
    this.heard = performance.now();
    const rows = this.#rows;
    if (rows.length && index <= rows.at(-1).index) rows.length = 0;
    rows.push({index, samples, elapsed});
    let old = 0;
    while (rows.length - old > 2 && rows[old + 1].elapsed < elapsed - SPAN) ++old;
    if (old > 256) rows.splice(0, old);
  }

  interrupted() {
    this.#rows.length = 0;
  }

  get #ends() {
    const rows = this.#rows;
    if (rows.length < 2) return [];
    const last = rows.at(-1);
    const first = rows.find((row) => row.elapsed >= last.elapsed - SPAN) ?? rows[0];
    return first === last ? [rows[0], last] : [first, last];
  }

  // Gives iterations a second, NaN if that is not known.
  get iterations() {
    return this.#per('index');
  }

  get samples() {
    return this.#per('samples');
  }

  #per(field) {
    const [first, last] = this.#ends;
    return first ? (last[field] - first[field]) / (last.elapsed - first.elapsed) : NaN;
  }
}

// Gives the rate of a whole run, from its last iteration: for lists and finished jobs.
export function meanRate(iteration) {
  const elapsed = toNumber(iteration?.elapsed_seconds);
  return elapsed > 0
    ? {iterations: toNumber(iteration.index) / elapsed, samples: toNumber(iteration.samples) / elapsed}
    : {iterations: NaN, samples: NaN};
}
