// Where a window shows fewer iterations than the run has (they were thinned to be shown as a whole),
// fetches the window's own from the journal.

import {watchJob} from './api.js';
import {toMillis, toNumber} from './format.js';
import {Points} from './points.js';
import {messages} from './sse.js';
import {rowOf} from './history.js';
import {nice} from './watch.js';

const ROWS = 16000;
const PATIENCE = 200;  // milliseconds: a window that is still being moved

export class Detail {
  #abort = null;
  #timer = 0;
  #found = null;  // {min, max, points}

  constructor(job, history, range, onChange) {
    Object.assign(this, {job, history, range, onChange});
    range.addEventListener('change', this.#changed);
  }

  stop() {
    this.range.removeEventListener('change', this.#changed);
    clearTimeout(this.#timer);
    this.#abort?.abort();
  }

  // What to draw now.
  get points() {
    const {min, max, whole} = this.range;
    const found = this.#found;
    return !whole && found && found.min <= min && max <= found.max ? found.points : this.history.points;
  }

  #changed = () => {
    clearTimeout(this.#timer);
    this.#abort?.abort();
    this.#timer = setTimeout(() => this.#fetch().catch(() => {}), PATIENCE);
  };

  async #fetch() {
    const {points} = this.history;
    const {min, whole} = this.range;
    const max = Math.min(this.range.max, points.lastIndex - 1);
    if (whole || max <= min || this.points !== points) return;
    const shown = points.find(max + 1) - points.find(min);
    const every = nice((max - min) / ROWS);
    if (shown * 2 > (max - min) / every) return;
    const before = points.find(min) - 1;
    const after = before < 0 ? 0 : points.revision[before];
    this.#abort = new AbortController();
    const {signal} = this.#abort;
    const fine = new Points();
    const response = await watchJob(this.job, {after, every, kinds: ['iteration']}, {signal});
    for await (const batch of messages(response.body)) {
      for (const {event, data} of batch) {
        if (event === 'end' || data === undefined) continue;
        const {iteration, revision, time_unix_nanos: time} = JSON.parse(data);
        if (iteration) fine.push(rowOf(iteration, toNumber(revision), toMillis(time)));
      }
      if (fine.lastIndex >= max - every || batch.at(-1)?.event === 'end') break;
    }
    this.#abort.abort();
    if (this.range.max > points.lastIndex && fine.lastIndex < points.lastIndex - 2 * every) return;
    this.#found = {min, max: this.range.max > points.lastIndex ? max : this.range.max, points: fine};
    this.onChange();
  }
}
