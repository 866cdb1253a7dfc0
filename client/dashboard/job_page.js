// Shows one job: its curves, live or past, and the means to steer it.

import {Actions} from './actions.js';
import {Refusal, getJob} from './api.js';
import {connection, pause} from './connection.js';
import {Detail} from './detail.js';
import {Dial} from './dial.js';
import {h, setHidden, setText} from './dom.js';
import {confinement, count, moment, shortName, toMillis, toNumber} from './format.js';
import {History} from './history.js';
import {JobCharts} from './job_charts.js';
import {CommandLog, EvaluationTable, Notices} from './lists.js';
import {Range} from './range.js';
import {Stats, stateBadge} from './stats.js';
import {Watch} from './watch.js';

const POLL = 1000;   // milliseconds
const FRAME = 100;

export class JobPage {
  #job = {};
  #dials = new Map();
  #stopped = new AbortController();
  #dirty = false;
  #ended = false;

  constructor(root, name) {
    this.name = name;
    this.history = new History({onRow: (row) => this.detail.add(row), onRewound: () => this.detail.forget()});
    this.range = new Range();
    this.#build(root);
    connection.addEventListener('change', this.#refresh);
    this.watch = new Watch(name, {
      onEvents: (events, every) => this.#events(events, every),
      onEnd: () => this.#end(),
      onRefusal: (error) => this.#gone(error),
      onReset: () => dispatchEvent(new Event('hashchange')),
      onJob: (job) => this.#take(job),
    });
    this.#poll();
  }

  stop() {
    this.#stopped.abort();
    this.watch.stop();
    this.detail.stop();
    clearTimeout(this.frame);
    connection.removeEventListener('change', this.#refresh);
    connection.forget('job');
    this.charts.destroy();
  }

  #build(root) {
    const {history, range, name} = this;
    this.title = h('h1', {}, shortName(name));
    this.id = h('code.id', {}, name);
    this.state = stateBadge();
    this.reason = h('p.reason', {hidden: true});
    this.confinement = h('p.confinement', {hidden: true});
    this.actions = new Actions(name);
    this.stats = new Stats();
    this.detail = new Detail(name, history, range, this.#refresh);
    // Batches make noise; a curve of whole passes over the data needs no smoothing.
    const noisy = () => toNumber(this.#job.summary?.iterations_per_epoch, 1) > 1;
    const shared = {range, history, source: () => this.detail.points, last: () => history.points.lastIndex, noisy};
    this.charts = new JobCharts(history, shared);
    this.whole = h('button', {type: 'button', onclick: () => range.reset()}, 'Whole run');
    this.lastTenth = h('button', {type: 'button', title: 'And go along with the run', onclick: () => range.follow(0.1)}, 'Last tenth');
    this.window = h('span.window');
    const last = () => history.points.lastIndex;
    this.toolbar = h('div.toolbar', {role: 'group', 'aria-label': 'Iterations shown'},
      this.window, this.whole, this.lastTenth,
      h('button', {type: 'button', 'aria-label': 'Zoom in', onclick: () => range.zoom(0.5, last())}, '+'),
      h('button', {type: 'button', 'aria-label': 'Zoom out', onclick: () => range.zoom(2, last())}, '−'));
    range.addEventListener('change', this.#refresh);
    this.waiting = h('p.card.empty', {}, 'No iterations yet.');
    this.log = new CommandLog();
    this.evaluations = new EvaluationTable();
    this.notices = new Notices();
    this.stepDials = h('div.dials');
    this.moreDials = h('div.dials');
    this.more = h('details.more', {hidden: true}, h('summary', {}, 'Other dials'), this.moreDials);
    root.replaceChildren(
      h('nav', {'aria-label': 'Way back'}, h('a', {href: '#/jobs'}, '← All jobs')),
      h('div.job-head', {},
        h('div.names', {}, h('div.title', {}, this.title, this.state.element), this.id, this.reason, this.confinement),
        this.actions.element),
      this.stats.element,
      h('div.columns', {},
        h('div.curves', {}, this.toolbar, this.waiting, this.charts.elements),
        h('div.side', {}, this.stepDials, this.more, this.log.element, this.evaluations.element, this.notices.element)));
  }

  // Asks for as long as the page is looked at: a finished job can be deleted, a server go away.
  async #poll() {
    const {signal} = this.#stopped;
    while (!signal.aborted) {
      try {
        this.#take(await getJob(this.name, {signal}));
        connection.succeeded('job');
      } catch (error) {
        if (signal.aborted) return;
        if (error instanceof Refusal) connection.succeeded('job');
        else connection.failed('job', error.message);
        if (error.code === 404) return this.#gone(error);
      }
      this.#refresh();
      await pause(this.#ended || document.hidden ? 10 * POLL : POLL, signal);
    }
  }

  #take(job) {
    if (this.#stopped.signal.aborted) return;
    this.#job = job;
    this.history.takeJob(job);
    this.#refresh();
  }

  #events(events, every) {
    for (const event of events) this.history.apply(event, every);
    this.#refresh();
  }

  async #end() {
    this.#take(await getJob(this.name).catch(() => this.#job));
    this.history.takeLast(this.#job.last_iteration, toNumber(this.#job.head_revision));
    this.#ended = true;
    this.#refresh();
  }

  #gone(error) {
    document.getElementById('main').replaceChildren(
      h('p.empty', {}, error.message), h('p.empty', {}, h('a', {href: '#/jobs'}, 'All jobs')));
    this.stop();
  }

  // Draws soon, once for whatever came.
  #refresh = () => {
    if (this.#dirty || this.#stopped.signal.aborted) return;
    this.#dirty = true;
    const wait = Math.max(0, FRAME - (performance.now() - (this.drawn ?? -FRAME)));
    this.frame = setTimeout(() => {
      this.#dirty = false;
      this.drawn = performance.now();
      this.#draw();
    }, wait);
  };

  #draw() {
    const job = this.#job;
    const {history} = this;
    if (!job.name) return;
    const ended = history.final;
    const enabled = !connection.lost && !ended;
    setText(this.title, job.display_name || shortName(this.name));
    const started = toMillis(job.start_time_unix_nanos);
    setText(this.id, started ? `${this.name} · started ${moment(started)}` : this.name);
    this.state.update(history.state, {diverged: history.diverged});
    const reason = job.stalled || history.stateReason;
    setText(this.reason, reason);
    setHidden(this.reason, !reason);
    this.reason.classList.toggle('bad', history.state === 'FAILED');
    setHidden(this.confinement, !job.confinement);
    if (job.confinement) setText(this.confinement, `Confined to ${confinement(job.confinement)}`);
    this.actions.update({state: history.state, ended, enabled, iteration: history.points.lastIndex});
    this.stats.update(job, history);
    this.#drawDials({enabled, ended});
    this.#drawWindow();
    this.charts.draw();
    this.log.update(history.commands);
    this.evaluations.update(history, job.summary?.class_names);
    this.notices.update(history.notices);
    const percent = Math.floor((100 * Math.max(0, history.points.lastIndex)) / (toNumber(job.summary?.iterations, NaN) || NaN));
    document.title = [Number.isNaN(percent) || ended ? '' : `${percent} %`, shortName(this.name), 'Descent']
      .filter(Boolean).join(' · ');
  }

  #drawDials(how) {
    const {history} = this;
    for (const [path, state] of history.dials) {
      let dial = this.#dials.get(path);
      if (!dial) {
        dial = new Dial(this.name, path);
        this.#dials.set(path, dial);
        const main = history.stepSizes.includes(path);
        (main ? this.stepDials : this.moreDials).append(dial.element);
        if (!main) this.more.hidden = false;
      }
      dial.update(state, how);
    }
  }

  #drawWindow() {
    const {range, history} = this;
    const last = history.points.lastIndex;
    setHidden(this.toolbar, last < 0);
    setHidden(this.waiting, last >= 0);
    const [min, max] = range.bounds(last);
    const to = Math.max(min, Math.min(max, last));
    const {points} = this.detail;
    const begin = Math.max(min, points.length ? points.index[0] : 0);
    const shown = points.find(to + 1) - points.find(min);
    const total = to - begin + 1;
    const parts = [`Iterations ${count(min)} to ${count(to)}`];
    if (begin > min) parts.push(`those before ${count(begin)} are no longer kept`);
    if (shown < total) {
      parts.push(`${count(shown)} of ${count(total)} are drawn, with the lowest and highest of each stretch: zoom in for all`);
    }
    const known = toNumber(this.#job.last_iteration?.index);
    if (known - last > Math.max(2000, known / 20)) parts.push(`still reading, up to ${count(known)}`);
    setText(this.window, parts.join(' · '));
    this.whole.disabled = range.whole;
    this.lastTenth.ariaPressed = String(range.part != null);
  }
}
