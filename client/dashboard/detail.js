// Where a window shows fewer iterations than the run has (they were thinned to be shown as a whole),
// fetches the window's own from the journal.

import {watchJob} from './api.js';
import {toMillis, toNumber} from './format.js';
import {Points} from './points.js';
import {messages} from './sse.js';
import {rowOf} from './history.js';
import {thinning} from './watch.js';

const ROWS = 16000;
const PATIENCE = 200;  // milliseconds: a window that is still being moved

export class Detail {
  #abort = null;
  #timer = 0;
  #found = null;  // {min, max, every, points}; max Infinity: it goes along with the run

  constructor(job, history, range, onChange) {
    Object.assign(this, {job, history, range, onChange});
    range.addEventListener('change', this.#changed);
  }

  stop() {
    this.range.removeEventListener('change', this.#changed);
    clearTimeout(this.#timer);
    this.#abort?.abort();
  }

  // Gives the Points to draw now.
  get points() {
    const [min, max] = this.range.bounds(this.history.points.lastIndex);
    return !this.range.whole && this.#covers(min, max) ? this.#found.points : this.history.points;
  }

  // True if what was found has all of the window, thinned or not.
  #covers(min, max) {
    return this.#found && this.#found.min <= min && max <= this.#found.max;
  }

  // Takes a row that has come since.
  add(row) {
    if (this.#found?.max === Infinity) this.#found.points.push(row);
  }

  // Forgets the window's rows, because the run went back.
  forget() {
    this.#found = null;
    this.#abort?.abort();
  }

  #changed = () => {
    clearTimeout(this.#timer);
    this.#abort?.abort();
    this.#timer = setTimeout(() => this.#fetch().catch(() => {}), PATIENCE);
  };

  async #fetch() {
    const {points} = this.history;
    const {lastIndex} = points;
    const [min, to] = this.range.bounds(lastIndex);
    const max = Math.min(to, lastIndex);
    if (this.range.whole || max <= min) return;
    const every = thinning(max - min, ROWS);
    // A wider window's rows will do if they are as close as these would be.
    if (this.#covers(min, to) && this.#found.every <= every) return;
    const shown = points.find(max + 1) - points.find(min);
    if (shown * 1.5 > (max - min) * (every > 1 ? 4 / every : 1)) return;
    const before = points.find(min) - 1;
    const after = before < 0 ? 0 : points.revision[before];
    const abort = (this.#abort = new AbortController());
    const fine = new Points();
    fine.nameSeries(this.history.series);
    const response = await watchJob(this.job, {after, every, kinds: ['iteration']}, {signal: abort.signal});
    for await (const batch of messages(response.body)) {
      for (const {event, data} of batch) {
        if (event === 'end' || data === undefined) continue;
        const {iteration, revision, time_unix_nanos: time} = JSON.parse(data);
        if (iteration) fine.push(rowOf(iteration, toNumber(revision), toMillis(time), every));
      }
      if (fine.lastIndex >= max - every || batch.at(-1)?.event === 'end') break;
    }
    abort.abort();
    // Takes what has come meanwhile; a window up to the end goes along with the run from here on.
    const open = to >= lastIndex;
    if (open) for (let i = points.find(fine.lastIndex + 1); i < points.length; ++i) fine.push(points.row(i));
    this.#found = {min, max: open ? Infinity : to, every, points: fine};
    this.onChange();
  }
}
