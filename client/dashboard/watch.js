// Follows a job's journal for as long as it takes: from the last revision seen, each revision once,
// over lost connections, sleep, and restarts of the server.

import {Refusal, getJob, watchJob} from './api.js';
import {connection, pause} from './connection.js';
import {FINAL_STATES, toNumber} from './format.js';
import {messages} from './sse.js';

const SILENCE = 40000;        // milliseconds; the server sends a keep-alive every 15 s
const HIDDEN = 60000;         // a page not looked at for so long lets go of its connection
const HISTORY_EVENTS = 20000;  // of iterations, about so many at most to catch up
const LIVE_EVENTS = 500;       // a second
const BEHIND = 2000;           // iterations, and those of some seconds; less is as good as live
const BEHIND_SECONDS = 4;
const IDLE = 500;              // milliseconds without a message: a thinned history was read
const ALL_BUT_ITERATIONS = [
  'created', 'attempt_started', 'series', 'evaluation', 'command_accepted', 'command_applied',
  'command_rejected', 'state_changed', 'checkpoint_saved', 'rewound', 'notice',
];

// 1, 2, 5, 10, 20, …: the first that is not less.
export function nice(x) {
  if (!(x > 1)) return 1;
  const decade = 10 ** Math.floor(Math.log10(x));
  return decade * [1, 2, 5, 10].find((m) => m * decade >= x);
}

// Which of the iterations to ask for: every one, unless they are more than a chart can use or come
// faster than a page should read. `pace` is what was seen of them, a second. `history`: only until
// the head is reached.
export function chooseEvery(job, lastIndex, pace = 0) {
  const {index, elapsed_seconds: elapsed} = job.last_iteration ?? {};
  const gap = toNumber(index, -1) - lastIndex;
  const ended = FINAL_STATES.has(job.state);
  const rate = ended ? 0 : Math.max(pace, elapsed > 0 ? toNumber(index) / elapsed : 0);
  const live = nice(rate / LIVE_EVENTS);
  const every = gap > BEHIND + BEHIND_SECONDS * rate ? nice(gap / HISTORY_EVENTS) : live;
  return {every, history: every !== live};
}

// Messages a second, over spells of two seconds; 0 within one. What a job was like when it was looked
// up is not what it is like for ever.
class Pace {
  #count = 0;
  #since = performance.now();

  add(count) {
    this.#count += count;
    const millis = performance.now() - this.#since;
    if (millis < 2000) return 0;
    const pace = (1000 * this.#count) / millis;
    this.#count = 0;
    this.#since = performance.now();
    return pace;
  }
}

export class Watch {
  cursor = 0;
  lastIndex = -1;
  #stopped = new AbortController();
  #stream = null;
  #pace = 0;  // iterations a second, where they came faster than the job's mean let expect
  #source = `watch ${Math.random()}`;

  // onEvents(events) gets them in order; onEnd() after the last; onRefusal(error) if there is no
  // such job; onReset() if another job has its name now; onJob(job) whenever it was looked up.
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
        this.#pace = 0;
        if (this.#stopped.signal.aborted) return;
        if (error instanceof Refusal && (error.code === 404 || error.code === 403)) return this.onRefusal(error);
        connection.failed(this.#source, error.message);
        failures = this.cursor > before ? 0 : failures + 1;
      }
      await pause(Math.min(5000, 250 * 2 ** failures), this.#stopped.signal);
    }
  }

  // One connection. True: the journal has ended. False: connect again, nothing is wrong.
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
        const seen = query.until === Infinity ? pace.add(batch.length) : 0;
        if (seen > 2.5 * LIVE_EVENTS) {
          this.#pace = seen * query.every;
          return false;
        }
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

  // What to ask for, and up to which revision before asking anew.
  #query(job) {
    const compacted = toNumber(job.compacted_revision);
    const after = this.cursor;
    if (after < compacted) return {after, kinds: ALL_BUT_ITERATIONS, until: compacted, idle: IDLE};
    const {every, history} = chooseEvery(job, this.lastIndex, this.#pace);
    return {after, every, until: history ? toNumber(job.head_revision) - 2 * every : Infinity, idle: SILENCE};
  }

  // Hands on what is new. True: that was the end.
  #take(batch, {kinds, until}) {
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
    if (events.length) this.onEvents(events);
    return ended;
  }
}
