// Shows all jobs, newest first.

import {Refusal, getJob, listJobs} from './api.js';
import {connection, pause} from './connection.js';
import {KeyedList, h, setHidden, setText} from './dom.js';
import {FINAL_STATES, brief, count, duration, metric, moment, short, shortName, toMillis, toNumber, value} from './format.js';
import {meanRate} from './rate.js';
import {stateBadge} from './stats.js';

const POLL = 2000;  // milliseconds

export class JobsPage {
  #stopped = new AbortController();
  #totals = new Map();   // job → number of iterations; the list does not say
  #last = new Map();     // job → last iteration of an earlier poll
  #pages = 1;

  constructor(root) {
    const body = h('tbody');
    this.rows = new KeyedList(body, (job) => job.name, () => this.#row());
    this.table = h('table.jobs', {hidden: true},
      h('thead', {}, h('tr', {}, ['Job', 'State', 'Progress', 'Value', 'Step size', 'Evaluation', 'Examples/s', 'Time left', 'Created']
        .map((name) => h('th', {scope: 'col'}, name)))),
      body);
    this.empty = h('div.empty', {hidden: true},
      h('p', {}, 'No jobs yet. Submit one:'),
      h('pre', {}, 'descent example gan_moons > job.yaml\ndescent submit job.yaml'));
    this.more = h('button', {type: 'button', hidden: true, onclick: () => this.#more()}, 'Show more');
    this.problem = h('p.answer.bad', {hidden: true, role: 'alert'});
    root.replaceChildren(h('h1', {}, 'Jobs'), this.problem, this.empty, this.table, this.more);
    document.title = 'Jobs · Descent';
    this.#run();
  }

  stop() {
    this.#stopped.abort();
    connection.forget('jobs');
  }

  #more() {
    this.#pages += 1;
    connection.retry();
  }

  async #run() {
    const {signal} = this.#stopped;
    while (!signal.aborted) {
      try {
        await this.#refresh(signal);
        connection.succeeded('jobs');
        setHidden(this.problem, true);
      } catch (error) {
        if (signal.aborted) return;
        if (error instanceof Refusal) {
          connection.succeeded('jobs');
          setText(this.problem, error.message);
          setHidden(this.problem, false);
        } else {
          connection.failed('jobs', error.message);
        }
      }
      await pause(connection.lost ? 1000 : document.hidden ? 10 * POLL : POLL, signal);
    }
  }

  async #refresh(signal) {
    const jobs = [];
    let token = '';
    for (let page = 0; page < this.#pages; ++page) {
      const answer = await listJobs(token, {signal});
      jobs.push(...(answer.jobs ?? []));
      token = answer.next_page_token ?? '';
      if (!token) break;
    }
    setHidden(this.more, !token);
    setHidden(this.table, jobs.length === 0);
    setHidden(this.empty, jobs.length > 0);
    this.rows.update(jobs);
    for (const job of jobs) this.#last.set(job.name, this.#step(job));
    await this.#lookUpTotals(jobs, signal);
    this.rows.update(jobs);
  }

  async #lookUpTotals(jobs, signal) {
    for (const {name} of jobs) {
      if (this.#totals.has(name)) continue;
      const job = await getJob(name, {signal}).catch((error) => {
        if (error instanceof Refusal) return {};
        throw error;
      });
      this.#totals.set(name, toNumber(job.summary?.iterations, NaN) || NaN);
    }
  }

  // Gives the last two different iterations seen.
  #step({name, last_iteration: now}) {
    const before = this.#last.get(name);
    if (!now || before?.now.index === now.index) return before;
    return {now, before: before?.now};
  }

  #rate(job) {
    const {now, before} = this.#last.get(job.name) ?? {};
    if (job.state !== 'RUNNING' || !before) return meanRate(job.last_iteration);
    const seconds = toNumber(now.elapsed_seconds) - toNumber(before.elapsed_seconds);
    if (!(seconds > 0)) return meanRate(job.last_iteration);
    const per = (field) => (toNumber(now[field]) - toNumber(before[field])) / seconds;
    return {iterations: per('index'), samples: per('samples')};
  }

  #row() {
    const link = h('a.job-link');
    const id = h('small');
    const state = stateBadge();
    const reason = h('small.reason');
    const progress = h('progress', {max: 1, value: 0});
    const done = h('small');
    const step = h('span');
    const taken = h('small.taken');
    const cell = (label, ...children) => h('td', {'data-label': label}, ...children);
    const cells = {};
    for (const name of ['Value', 'Step size', 'Evaluation', 'Examples/s', 'Time left', 'Created']) cells[name] = cell(name);
    cells['Step size'].append(step, taken);
    const element = h('tr', {},
      h('th', {scope: 'row'}, link, id),
      cell('State', state.element, reason), cell('Progress', progress, done), Object.values(cells));
    return {
      element,
      update: (job) => {
        const {name, last_iteration: last, state: now} = job;
        link.href = `#/${name}`;
        setText(link, job.display_name || shortName(name));
        setText(id, job.display_name ? shortName(name) : '');
        state.update(now, {
          diverged: job.error_reason === 'DIVERGED' || last != null && !Number.isFinite(toNumber(last.value)),
        });
        setText(reason, job.damage || job.stalled || (['FAILED', 'RUNNING'].includes(now) ? job.state_reason ?? '' : ''));
        const total = this.#totals.get(name);
        const index = last ? toNumber(last.index) : NaN;
        progress.max = total || 1;
        progress.value = index || 0;
        progress.ariaLabel = `Progress of ${name}`;
        setText(done, last ? count(index) + (total ? ` of ${count(total)}` : '') : total ? `of ${count(total)}` : '');
        // A system has each player's.
        const dials = (job.dials ?? []).filter((dial) => dial.main_step_size);
        setText(cells.Value, value(last && toNumber(last.value)));
        setText(step, dials.map((dial) => brief(toNumber(dial.value), 3)).join(' / ') || '–');
        step.title = dials.length > 1 ? dials.map(({path}) => path).join(' / ') : '';
        setText(taken, dials.some(({overridden}) => overridden) ? 'taken over' : '');
        const {metrics = []} = job.last_evaluation ?? {};
        const best = metrics.find((m) => m.name === 'accuracy') ?? metrics[0];
        setText(cells.Evaluation, best ? metric(best) : '–');
        cells.Evaluation.title = best?.name ?? '';
        const rate = this.#rate(job);
        setText(cells['Examples/s'], short(rate.samples));
        const left = now === 'RUNNING' && total ? duration((total - index) / rate.iterations) : '–';
        setText(cells['Time left'], left);
        setText(cells.Created, moment(toMillis(job.create_time_unix_nanos)));
        element.classList.toggle('ended', FINAL_STATES.has(now));
      },
    };
  }
}
