// Folds what a job's journal says, event by event: curves, commands, evaluations, marks, rates.

import {describeApplied, describeChange, describeCommand} from './commands.js';
import {FINAL_STATES, matrixSize, toMillis, toNumber} from './format.js';
import {Points} from './points.js';
import {Rate} from './rate.js';

const EVALUATIONS = 4000;  // kept; of those beyond, every other one of the old is forgotten
const NEWEST = 200;        // are all kept

// Says why the run went back.
const CAUSES = {
  RECOMPUTED: 're-computed history differed',
  RESTARTED: 'its program was started again',
};

// Makes a row of Points from an iteration of a journal that was read with this `every`.
export const rowOf = (iteration, revision, time, every = 1) => ({
  index: toNumber(iteration.index),
  sampled: toNumber(iteration.index) % every === 0 ? 1 : 0,
  scalars: iteration.scalars?.map(Number) ?? [],
  value: toNumber(iteration.value),
  gradient: toNumber(iteration.gradient_norm),
  step: toNumber(iteration.step_size, NaN),
  epoch: toNumber(iteration.epoch),
  elapsed: toNumber(iteration.elapsed_seconds),
  samples: toNumber(iteration.samples),
  revision,
  time,
});

export class History {
  points = new Points();
  rate = new Rate();
  commands = new Map();    // key → entry, in order of acceptance
  evaluations = [];
  evaluationsLeftOut = 0;
  marks = [];              // {iteration, kind, who, what: lines, time}
  notices = [];
  dials = new Map();       // full path → {value, overridden, revision}
  stepSizes = [];          // of those the main one, of a system each player's
  series = [];             // what an iteration's scalars are called
  state = undefined;
  stateReason = '';
  errorReason = '';        // of a failure, a code: DIVERGED
  stateRevision = 0;
  #known = new Set();      // paths of all dials

  // onRow(row) is told of each new row, onRewound() that the run went back.
  constructor({onRow = () => {}, onRewound = () => {}} = {}) {
    Object.assign(this, {onRow, onRewound});
  }

  // Takes the last iteration, where the stream was thinned and left it out.
  takeLast(iteration, revision) {
    if (iteration && toNumber(iteration.index) > this.points.lastIndex) this.#push(rowOf(iteration, revision, 0));
  }

  #push(row) {
    this.points.push(row);
    this.onRow(row);
  }

  #takeSummary({dials = [], step_sizes: stepSizes = []} = {}) {
    this.#known = new Set(dials);
    this.stepSizes = stepSizes;
  }

  #nameSeries(names) {
    this.series = names;
    this.points.nameSeries(names);
  }

  // Takes the server's own fold, as of job.head_revision.
  takeJob(job) {
    const head = toNumber(job.head_revision);
    this.#takeSummary(job.summary);
    // The job names the series until the journal itself has: it may be read from the middle on.
    if (!this.series.length && job.series) this.#nameSeries(job.series);
    if (head < this.stateRevision) return;
    this.stateRevision = head;
    this.state = job.state;
    this.stateReason = job.state_reason ?? '';
    this.errorReason = job.error_reason ?? '';
    for (const {path, value, overridden = false} of job.dials ?? []) {
      this.#dial(path, {value: toNumber(value), overridden, revision: head});
    }
  }

  // Takes an event of a journal that was read with this `every`.
  apply(event, every = 1) {
    const revision = toNumber(event.revision);
    const time = toMillis(event.time_unix_nanos);
    if (event.iteration) this.#iteration(event.iteration, revision, time, every);
    else if (event.created) this.#takeSummary(event.created.summary);
    else if (event.series) this.#nameSeries(event.series.names ?? []);
    else if (event.evaluation) this.#evaluation(event.evaluation);
    else if (event.command_accepted) this.#accepted(event.command_accepted, time);
    else if (event.command_applied) this.#applied(event.command_applied, revision, time);
    else if (event.command_rejected) this.#rejected(event.command_rejected, time);
    else if (event.state_changed) this.#stateChanged(event.state_changed, revision);
    else if (event.attempt_started) this.#attempt(event, time);
    else if (event.rewound) this.#rewound(event.rewound, time);
    else if (event.notice) this.notices = [...this.notices.slice(1 - NEWEST), {time, ...event.notice}];
  }

  // Says whether the run ended, or goes on, without a number to go by.
  get diverged() {
    return this.errorReason === 'DIVERGED' || this.points.length > 0 && !Number.isFinite(this.points.value[this.points.length - 1]);
  }

  isDial = (path) => this.#known.has(path);

  get final() {
    return FINAL_STATES.has(this.state);
  }

  #iteration(iteration, revision, time, every) {
    const row = rowOf(iteration, revision, time, every);
    this.#push(row);
    this.rate.add(row);
    // Players have their step sizes among the scalars.
    if (iteration.step_size != null && this.stepSizes.length) this.#used(this.stepSizes[0], row.step, revision);
    for (let i = 0; i < row.scalars.length && i < this.series.length; ++i) {
      if (this.#known.has(this.series[i])) this.#used(this.series[i], row.scalars[i], revision);
    }
  }

  // Takes in what a step used of a dial.
  #used(path, value, revision) {
    const dial = this.dials.get(path);
    if (!dial) this.dials.set(path, {value, overridden: false, revision});
    else if (dial.revision < revision) Object.assign(dial, {value, revision});
  }

  // The newest word counts, whichever way it came.
  #dial(path, dial) {
    if (dial.revision >= (this.dials.get(path)?.revision ?? 0)) this.dials.set(path, dial);
  }

  #evaluation(evaluation) {
    // A matrix too large to be shown has its size shown; so have all matrices but the newest.
    const shown = (evaluation.metrics ?? []).map(({name, value, values, size}) => ({name, value, values, size}));
    const before = this.evaluations.at(-1);
    if (toNumber(evaluation.part) > 0 && before) {
      // This is the rest of the last evaluation; of a matrix that goes on nothing is shown.
      const more = shown.filter(({name}) => before.metrics.at(-1)?.name !== name);
      this.evaluations[this.evaluations.length - 1] = {...before, metrics: [...before.metrics, ...more]};
      return;
    }
    if (before) before.metrics = before.metrics.map((m) => (m.values?.length ? {name: m.name, size: matrixSize(m)} : m));
    this.evaluations.push({
      iteration: toNumber(evaluation.iteration),
      dataset: evaluation.dataset ?? '',
      metrics: shown,
      asked: Boolean(evaluation.request_id),
    });
    if (this.evaluations.length > EVALUATIONS) {
      const old = this.evaluations.length - NEWEST;
      const all = this.evaluations.length;
      this.evaluations = this.evaluations.filter((_, i) => i >= old || i % 2);
      this.evaluationsLeftOut += all - this.evaluations.length;
    }
  }

  #accepted(accepted, time) {
    this.commands.set(accepted.request_id, {
      key: accepted.request_id,
      status: 'accepted',
      time,
      principal: accepted.principal ?? '',
      text: (accepted.commands ?? []).map(describeCommand).join(', '),
      at: accepted.at_iteration == null ? undefined : toNumber(accepted.at_iteration),
    });
  }

  #applied(applied, revision, time) {
    // A command that is applied once more after a rewind has a line of its own.
    const key = applied.reapplied_from ? `${applied.request_id} ${revision}` : applied.request_id;
    const entry = this.commands.get(key) ?? {
      ...(this.commands.get(applied.request_id) ?? {text: (applied.commands ?? []).join(', ')}),
      key,
      leftBehind: false,
      again: Boolean(applied.reapplied_from),
    };
    const changes = (applied.changes ?? []).map(describeChange);
    Object.assign(entry, {
      status: 'applied',
      time,
      principal: applied.principal ?? entry.principal ?? '',
      iteration: toNumber(applied.iteration),
      changes,
      summary: describeApplied(applied),
    });
    this.commands.set(key, entry);
    for (const {path, new_value: value, released = false} of applied.changes ?? []) {
      this.#dial(path, {value: toNumber(value), overridden: !released, revision});
    }
    this.marks.push({
      iteration: entry.iteration,
      kind: 'command',
      who: entry.principal,
      what: changes.length ? changes : [entry.text],
      time,
    });
  }

  #rejected(rejected, time) {
    const entry = this.commands.get(rejected.request_id) ?? {key: rejected.request_id, text: 'command'};
    Object.assign(entry, {
      status: 'rejected',
      time,
      principal: rejected.principal ?? entry.principal ?? '',
      summary: rejected.message ?? 'refused',
    });
    this.commands.set(entry.key, entry);
  }

  #stateChanged({state, reason = '', error_reason: errorReason = ''}, revision) {
    this.rate.interrupted();
    if (revision <= this.stateRevision) return;
    this.stateRevision = revision;
    this.state = state;
    this.stateReason = reason;
    this.errorReason = errorReason;
  }

  #attempt({attempt, attempt_started: {checkpoint}}, time) {
    this.rate.interrupted();
    if (!(attempt > 1)) return;
    const from = checkpoint ? `from checkpoint ${checkpoint}` : 'from the starting point';
    this.marks.push({
      iteration: Math.max(0, this.points.lastIndex),
      kind: 'attempt',
      who: '',
      what: [`Attempt ${attempt} started ${from}`],
      time,
    });
  }

  #rewound({to_iteration: to, cause = '', detail = ''}, time) {
    const iteration = toNumber(to);
    this.points.truncate(iteration);
    this.onRewound();
    this.evaluations = this.evaluations.filter((e) => e.iteration <= iteration);
    this.marks = this.marks.filter((m) => m.iteration < iteration || m.kind !== 'command');
    for (const entry of this.commands.values()) {
      if (entry.status === 'applied' && entry.iteration >= iteration) entry.leftBehind = true;
    }
    const why = CAUSES[cause] ?? cause.toLowerCase();
    this.marks.push({
      iteration: Math.max(0, iteration),
      kind: 'attempt',
      who: '',
      what: [`Went back to ${iteration < 0 ? 'the starting point' : `iteration ${iteration}`}: ${why}`, detail].filter(Boolean),
      time,
    });
  }
}
