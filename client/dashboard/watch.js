// Follows a job's journal for as long as it takes: from the last revision seen, each revision once,
// over lost connections, sleep, and restarts of the server.

import {Refusal, getJob, watchJob} from './api.js';
import {connection, pause} from './connection.js';
import {FINAL_STATES, toNumber} from './format.js';
import {messages} from './sse.js';

const SILENCE = 40000;        // milliseconds; the server sends a keep-alive every 15 s
const HIDDEN = 60000;         // a page not looked at for so long lets go of its connection
const HISTORY_EVENTS = 20000;  // of iterations, about so many at most to catch up
const LIVE_EVENTS = 2000;      // a second
const SLACK = 1.25;
const OF_A_STRETCH = 5;        // events that stand for a thinned stretch: a sample and the extremes
const IDLE = 500;              // milliseconds without a message: a thinned history was read
const ALL_BUT_ITERATIONS = [
  'created', 'attempt_started', 'series', 'evaluation', 'command_accepted', 'command_applied',
  'command_rejected', 'state_changed', 'checkpoint_saved', 'rewound', 'notice',
];

// Gives of 1, 2, 5, 10, 20, … the first that is not less.
export function nice(x) {
  if (!(x > 1)) return 1;
  const decade = 10 ** Math.floor(Math.log10(x));
  return decade * [1, 2, 5, 10].find((m) => m * decade >= x);
}

// Gives every how many iterations one is asked for: 1, or so that about `most` of `count` come.
export const thinning = (count, most) => (count <= most ? 1 : nice((OF_A_STRETCH * count) / most));

// Which of the iterations to ask for: every one, unless they are more than a chart can use or come
// faster than a page should read. `pace`: iterations a second as they were seen at the head, NaN
// before: then the job's mean. `history`: only until the head is reached.
function chooseEvery(job, lastIndex, pace = NaN) {
  const {index, elapsed_seconds: elapsed} = job.last_iteration ?? {};
  const gap = toNumber(index) - lastIndex;
  const ended = FINAL_STATES.has(job.state);
  const rate = Number.isNaN(pace) ? (elapsed > 0 ? toNumber(index) / elapsed : 0) : pace;
  const live = ended ? 1 : thinning(rate, LIVE_EVENTS);
  const history = thinning(gap, HISTORY_EVENTS);
  return history > live ? {every: history, history: true} : {every: live, history: false};
}

// Measures how fast a run goes at the head of its journal, over spells of two seconds; how fast
// what was there before is read does not count. What it was like once is not what it is like for
// ever.
class Pace {
  #start = null;  // {index, time} of the spell

  // Gives iterations a second at the end of a spell, else NaN.
  at(index, time = performance.now()) {
    if (!this.#start || index < this.#start.index) this.#start = {index, time};
    const millis = time - this.#start.time;
    if (millis < 2000) return NaN;
    const pace = (1000 * (index - this.#start.index)) / millis;
    this.#start = {index, time};
    return pace;
  }
}

export class Watch {
  cursor = 0;
  lastIndex = -1;
  #stopped = new AbortController();
  #stream = null;
  #pace = NaN;  // iterations a second, as last seen
  #source = `watch ${Math.random()}`;

  // onEvents(events, every) gets them in order, read with this `every`; onEnd() comes after the
  // last; onRefusal(error) if there is no such job; onReset() if another job has its name now;
  // onJob(job) whenever it was looked up.
  constructor(job, {onEvents, onEnd, onRefusal, onReset, onJob}) {
    Object.assign(this, {job, onEvents, onEnd, onRefusal, onReset, onJob});
    this.#run();
    document.addEventListener('visibilitychange', this.#visibility);
  }

  stop() {
    this.#stopped.abort();
    this.#stream?.abort();
    connection.forget(this.#source);
    clearTimeout(this.hiddenTimer);
    document.removeEventListener('visibilitychange', this.#visibility);
  }

  // Hidden pages would use up the browser's few connections to one server.
  #visibility = () => {
    clearTimeout(this.hiddenTimer);
    if (document.hidden) this.hiddenTimer = setTimeout(() => this.#stream?.abort(), HIDDEN);
  };

  async #run() {
    let failures = 0;
    while (!this.#stopped.signal.aborted) {
      if (document.hidden && this.cursor > 0) {
        await pause(60000, this.#stopped.signal);
        continue;
      }
      const before = this.cursor;
      try {
        if (await this.#follow()) return this.onEnd();
        failures = 0;
        continue;
      } catch (error) {
        this.#pace = NaN;
        if (this.#stopped.signal.aborted) return;
        // This is for good: there is no such job, or its journal is damaged.
        if (error instanceof Refusal && (error.code === 404 || error.code === 403 || error.status === 'DATA_LOSS')) {
          return this.onRefusal(error);
        }
        connection.failed(this.#source, error.message);
        failures = this.cursor > before ? 0 : failures + 1;
      }
      await pause(Math.min(5000, 250 * 2 ** failures), this.#stopped.signal);
    }
  }

  // Follows over one connection. True: the journal has ended. False: connect again, nothing is
  // wrong.
  async #follow() {
    this.#stream = new AbortController();
    const {signal} = this.#stream;
    const job = await getJob(this.job, {signal: this.#stopped.signal});
    if (this.#isAnother(job)) {
      this.stop();
      this.onReset();
      return false;
    }
    this.onJob(job);
    // A stream would break off where the damage is, and again.
    if (job.damage) throw new Refusal(500, 'DATA_LOSS', job.damage);
    const query = this.#query(job);
    let timer;
    let quiet = false;
    const listen = () => {
      clearTimeout(timer);
      timer = setTimeout(() => {
        quiet = true;
        this.#stream.abort();
      }, query.idle);
    };
    try {
      const response = await watchJob(this.job, query, {signal});
      connection.succeeded(this.#source);
      listen();
      const pace = new Pace();
      for await (const batch of messages(response.body)) {
        listen();
        if (this.#take(batch, query)) return true;
        if (this.cursor >= query.until) return false;
        if (query.until < Infinity || this.cursor < query.head) continue;
        const seen = pace.at(this.lastIndex);
        if (Number.isNaN(seen)) continue;
        this.#pace = seen;
        // With some slack, so that a pace in between does not go back and forth.
        if (thinning(seen / SLACK, LIVE_EVENTS) > query.every) return false;
        if (thinning(seen * SLACK, LIVE_EVENTS) < query.every) return false;
      }
      throw new Error('the server closed the connection');
    } catch (error) {
      if (quiet && query.kinds) {
        this.cursor = query.until;
        return false;
      }
      if (quiet) throw new Error(`the server was silent for ${SILENCE / 1000} s`);
      if (signal.aborted) return false;
      throw error.name === 'TypeError' ? new Error('the connection broke') : error;
    } finally {
      clearTimeout(timer);
      this.#stream.abort();
    }
  }

  #isAnother({create_time_unix_nanos: created, head_revision: head}) {
    this.created ??= created;
    return created !== this.created || this.cursor > toNumber(head);
  }

  // Gives what to ask for, and up to which revision before asking anew.
  #query(job) {
    const compacted = toNumber(job.compacted_revision);
    const after = this.cursor;
    if (after < compacted) return {after, kinds: ALL_BUT_ITERATIONS, until: compacted, idle: IDLE};
    const {every, history} = chooseEvery(job, this.lastIndex, this.#pace);
    const head = toNumber(job.head_revision);
    return {after, every, head, until: history ? head - 2 * every : Infinity, idle: SILENCE};
  }

  // Hands on what is new. True: that was the end.
  #take(batch, {kinds, until, every}) {
    const events = [];
    let ended = false;
    for (const {id, event, data} of batch) {
      if (event === 'end') {
        ended = true;
        break;
      }
      const revision = Number(id);
      if (!(revision > this.cursor)) continue;
      if (kinds && revision > until) {
        this.cursor = until;
        break;
      }
      this.cursor = revision;
      if (data === undefined) continue;
      const parsed = JSON.parse(data);
      if (parsed.iteration) this.lastIndex = toNumber(parsed.iteration.index);
      if (parsed.rewound) this.lastIndex = toNumber(parsed.rewound.to_iteration);
      events.push(parsed);
    }
    if (events.length) this.onEvents(events, every);
    return ended;
  }
}
