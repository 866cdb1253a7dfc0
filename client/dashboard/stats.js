// Shows a job's figures at a glance.

import {h, setText} from './dom.js';
import {count, duration, metric, short, stateName, toMillis, toNumber, value} from './format.js';
import {meanRate} from './rate.js';

export function stateBadge() {
  const element = h('span.state');
  return {
    element,
    // `diverged` says that its last value is no finite number, so that even a success is none.
    update(state, {diverged = false} = {}) {
      setText(element, diverged ? `${stateName(state)}, diverged` : stateName(state));
      element.className = `state ${(state ?? 'unknown').toLowerCase()}`;
      element.classList.toggle('diverged', diverged && state !== 'FAILED');
    },
  };
}

export class Stats {
  #tiles = new Map();

  constructor() {
    this.progress = h('progress', {max: 1, value: 0, 'aria-label': 'Iterations done'});
    this.list = h('dl.tiles');
    for (const name of ['Iteration', 'Value', 'Evaluation', 'Examples/s', 'Time left', 'Computing time']) {
      const main = h('span.main', {}, '–');
      const side = h('small');
      this.list.append(h('div', {}, h('dt', {}, name), h('dd', {}, main, side)));
      this.#tiles.set(name, {main, side});
    }
    this.element = h('div.stats', {}, this.progress, this.list);
  }

  #set(name, main, side = '') {
    const tile = this.#tiles.get(name);
    setText(tile.main, main);
    tile.main.classList.toggle('bad', main === 'NaN' || main.endsWith('∞'));
    setText(tile.side, side);
  }

  update(job, history) {
    const {points, rate} = history;
    const known = job.last_iteration && toNumber(job.last_iteration.index) > points.lastIndex;
    const last = known ? job.last_iteration : points.length ? points.row(points.length - 1) : null;
    const index = last ? toNumber(last.index) : NaN;
    const total = toNumber(job.summary?.iterations, NaN) || NaN; // a program may say none
    this.progress.max = total || 1;
    this.progress.value = index || 0;
    const fraction = index / total;
    this.#set('Iteration', count(index), Number.isNaN(total) ? '' : `of ${count(total)} · ${(100 * (fraction || 0)).toFixed(1)} %`);
    this.#set('Value', value(last && toNumber(last.value)), last ? `epoch ${toNumber(last.epoch).toFixed(2)}` : '');
    this.#evaluation(history.evaluations.at(-1) ?? job.last_evaluation);
    const running = history.state === 'RUNNING';
    const mean = meanRate(job.last_iteration);
    const now = running ? rate : mean;
    const silence = (performance.now() - rate.heard) / 1000;
    const stalled = running && rate.heard && silence > Math.max(5, 20 / rate.iterations);
    const side = stalled ? `no iteration for ${duration(silence)}` : `${short(now.iterations)} iterations/s${running ? '' : ', mean'}`;
    this.#set('Examples/s', stalled ? '0' : short(now.samples), Number.isFinite(now.iterations) || stalled ? side : '');
    this.#timeLeft(history, running, stalled ? NaN : (total - index) / rate.iterations);
    const elapsed = last ? toNumber(last.elapsed ?? last.elapsed_seconds) : NaN;
    const end = toMillis(job.end_time_unix_nanos);
    const attempts = job.attempt > 1 ? `attempt ${job.attempt}` : '';
    this.#set('Computing time', duration(elapsed), attempts || (end ? '' : 'pauses excluded'));
  }

  #timeLeft(history, running, seconds) {
    if (history.final) return this.#set('Time left', '–', 'ended');
    if (!running) return this.#set('Time left', '–', stateName(history.state).toLowerCase());
    if (!Number.isFinite(seconds)) return this.#set('Time left', '–');
    const end = new Date(Date.now() + 1000 * seconds);
    const at = seconds < 86400
      ? end.toLocaleTimeString('en-GB', {hour: '2-digit', minute: '2-digit'})
      : end.toLocaleDateString('en-GB', {day: 'numeric', month: 'short'});
    return this.#set('Time left', duration(seconds), `until ${at}`);
  }

  #evaluation(evaluation) {
    if (!evaluation) return this.#set('Evaluation', '–');
    const {metrics = [], iteration} = evaluation;
    const best = metrics.find(({name}) => name === 'accuracy') ?? metrics[0];
    if (!best) return this.#set('Evaluation', '–');
    return this.#set('Evaluation', metric(best), `${best.name} at ${count(toNumber(iteration))}`);
  }
}
