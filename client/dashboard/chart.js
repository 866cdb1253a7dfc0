// Draws one chart over the iterations of a run: curves, their smoothed forms, evaluations, and
// marks.

/* global uPlot */
import {ANY_STEP, FONT, GREATEST, HUGE_STEPS, LEAST, axisIterations, axisNumbers, axisWidth, logSplits} from './axes.js';
import {drawable, nonFinite, pick, smooth, smoothingSpan, within} from './curves.js';
import {h, setHidden, setText} from './dom.js';
import {count, duration, toNumber, value} from './format.js';
import {marksPlugin} from './marks.js';
import {remember, remembered} from './settings.js';

const dark = matchMedia('(prefers-color-scheme: dark)');
const FURTHER = 5;  // colours besides the chart's own
const MOST_CURVES = 12;

function colours(element) {
  const style = getComputedStyle(element);
  return (name) => style.getPropertyValue(`--${name}`).trim();
}

export class Chart {
  #plot = null;
  #drawn = '';     // the curves of #plot
  #curves = [];
  #gaps = [];      // stretches of iterations where a number is not finite

  // Settings are kept under `key`; the first curve has the `colour`. `curves()` gives those there
  // are now, {column: of Points, label, late: index 0 has none}, and `source()` the Points to draw
  // now.
  constructor({title, key, colour, height, range, history, curves, source, last, noisy = () => false,
               smoothable = false, evaluations = false, log = false}) {
    Object.assign(this, {title, key, colour, height, range, history, curves, source, last, noisy, smoothable, evaluations});
    this.wantsLog = remembered(`log ${key}`, log);
    this.log = this.wantsLog;
    this.readout = h('span.readout');
    this.gapNote = h('span.gaps', {hidden: true});
    this.logBox = h('input', {type: 'checkbox', onchange: () => this.#setLog(this.logBox.checked)});
    this.logBox.checked = this.wantsLog;
    this.smoothBox = h('input', {type: 'checkbox', onchange: () => this.#setSmooth(this.smoothBox.checked)});
    this.nothing = h('p.nothing', {hidden: true});
    this.host = h('div.plot', {
      tabindex: 0,
      role: 'group',
      'aria-label': `${title} by iteration. Plus and minus zoom, the arrow keys move, 0 shows the whole run.`,
      onkeydown: (event) => this.#key(event),
      ondblclick: () => range.reset(),
    });
    this.legend = h('span.legend', {hidden: true});
    this.element = h(`section.chart.card.${key}-chart`, {'aria-label': title},
      h('div.chart-head', {},
        h('h2', {}, title), this.readout, this.gapNote, this.legend,
        h('span.options', {},
          smoothable && h('label', {}, this.smoothBox, ' Smooth') || null,
          h('label', {}, this.logBox, ' Log scale'))),
      h('div.plot-box', {}, this.host, this.nothing));
    range.addEventListener('change', this.#changed);
    dark.addEventListener('change', this.#rebuild);
    this.observer = new ResizeObserver(() => this.#resize());
    this.observer.observe(this.host);
  }

  destroy() {
    this.range.removeEventListener('change', this.#changed);
    dark.removeEventListener('change', this.#rebuild);
    this.observer.disconnect();
    this.#forget();
  }

  #changed = () => this.draw();

  #rebuild = () => {
    this.#forget();
    this.draw();
  };

  #forget() {
    this.#plot?.destroy();
    this.#plot = null;
  }

  #setLog(on) {
    this.wantsLog = on;
    remember(`log ${this.key}`, on);
    this.draw();
  }

  #setSmooth(on) {
    remember(`smooth ${this.key}`, on);
    this.draw();
  }

  #resize() {
    const width = this.host.clientWidth;
    if (this.#plot && width && width !== this.#plot.width) this.#plot.setSize({width, height: this.height});
    else if (!this.#plot && width) this.draw();
  }

  #key(event) {
    const last = this.last();
    const actions = {
      '+': () => this.range.zoom(0.5, last),
      '=': () => this.range.zoom(0.5, last),
      '-': () => this.range.zoom(2, last),
      0: () => this.range.reset(),
      ArrowLeft: () => this.range.move(-0.25, last),
      ArrowRight: () => this.range.move(0.25, last),
    };
    if (event.ctrlKey || event.metaKey || event.altKey || !actions[event.key]) return;
    event.preventDefault();
    actions[event.key]();
  }

  get #smoothed() {
    return this.smoothable && (remembered(`smooth ${this.key}`, null) ?? this.noisy());
  }

  // Gives x, the curves, and their smoothed forms.
  #data() {
    const points = this.source();
    const columns = this.#curves.map(({column}) => column);
    const [min, max] = this.range.bounds(this.last());
    const window = within(points, {min, max});
    const positions = pick(points, columns, window, Math.max(this.host.clientWidth, 200));
    this.#chooseScale(points, positions);
    this.#findGaps(points, window);
    const span = smoothingSpan(max - min);
    return [
      positions.map((i) => points.index[i]),
      ...columns.map((column) => positions.map((i) => drawable(points[column][i], this.log))),
      ...columns.map((column) => {
        if (!this.#smoothed) return positions.map(() => null);
        const mean = smooth(points, column, span);
        return positions.map((i) => drawable(mean[i], this.log));
      }),
    ];
  }

  #findGaps(points, [from, to]) {
    const first = points.find(1);
    this.#gaps = this.#curves.flatMap(({column, label, late}) =>
      nonFinite(points, column, [late ? Math.max(from, first) : from, to]).map(([a, b]) => ({label, from: a, to: b})));
    setHidden(this.gapNote, !this.#gaps.length);
    if (!this.#gaps.length) return;
    const [{label, from: a, to: b}] = this.#gaps;
    const of = this.#curves.length > 1 ? `${label}: ` : '';
    const more = this.#gaps.length > 1 ? ` and ${count(this.#gaps.length - 1)} more` : '';
    const where = a === b ? `iteration ${count(a)}` : `iterations ${count(a)} to ${count(b)}`;
    setText(this.gapNote, `${of}NaN or ∞ at ${where}${more}`);
  }

  // Logarithms need positive values. A single step size of 0 is left out, for schedules end there.
  #chooseScale(points, positions) {
    const all = this.#curves.map(({column}) => points[column]);
    const possible = !all.some((y) => positions.some((i) => y[i] < 0)) &&
      (!positions.length || all.some((y) => positions.some((i) => y[i] > 0)));
    this.logBox.disabled = !possible;
    this.logBox.parentElement.title = possible ? '' : 'Needs values above zero';
    const size = (i) => Math.max(...all.map((y) => (Number.isFinite(y[i]) ? Math.abs(y[i]) : 0)));
    const greatest = positions.reduce((most, i) => Math.max(most, size(i)), 0);
    this.log = possible && (this.wantsLog || (greatest > 0 && greatest < LEAST));
    this.huge = greatest > GREATEST;
  }

  // The greatest and least evaluation in sight belong to the range too.
  #yRange = (u, low, high) => {
    const [min, max] = this.range.bounds(this.last());
    for (const {iteration, loss} of this.#losses()) {
      if (iteration < min || iteration > max || drawable(loss, this.log) == null) continue;
      low = low == null ? loss : Math.min(low, loss);
      high = high == null ? loss : Math.max(high, loss);
    }
    if (low == null) return this.log ? [0.1, 1] : [0, 1];
    if (this.log) {
      const pad = Math.max(high ** 0.06 / low ** 0.06, 1.02);
      return [Math.max(low / pad, Number.MIN_VALUE), Math.min(high * pad, Number.MAX_VALUE)];
    }
    if (low === high) return low === 0 ? [0, 1] : [Math.min(0, 2 * low), Math.max(0, 2 * high)];
    const pad = (high - low) * 0.06;
    // Near zero, zero is where the axis begins.
    return [low >= 0 && low < 0.35 * high ? 0 : low - pad, high + pad];
  };

  #losses() {
    if (!this.evaluations) return [];
    return this.history.evaluations.flatMap(({iteration, metrics}) =>
      metrics.filter((m) => m.name === 'loss').map((m) => ({iteration, loss: toNumber(m.value)})));
  }

  #colourName(i) {
    return i === 0 ? this.colour : `further-${1 + ((i - 1) % FURTHER)}`;
  }

  #create(data) {
    const colour = colours(this.element);
    const grid = {stroke: colour('grid'), width: 1};
    const axis = {
      stroke: colour('muted'),
      font: FONT,
      grid,
      ticks: {...grid, size: 4},
    };
    const linear = uPlot.paths.linear();
    const stepped = uPlot.paths.stepped({align: -1});
    // Draws steps where there is room to see them: a step size holds from one iteration to the
    // next.
    const paths = (u, ...rest) => {
      const [min, max] = this.range.bounds(this.last());
      const roomy = this.key === 'step' && max - min < 2 * this.host.clientWidth;
      return (roomy ? stepped : linear)(u, ...rest);
    };
    const stroke = this.#curves.map((_, i) => colour(this.#colourName(i)));
    const widest = () => count(this.range.bounds(this.last())[1]).length * 7 + 18;
    return new uPlot({
      width: this.host.clientWidth,
      height: this.height,
      padding: [10, 30, 0, 0],
      legend: {show: false},
      cursor: {
        y: false,
        sync: {key: 'run', scales: ['x', null]},
        drag: {x: true, y: false, setScale: false},
        points: {size: 7},
      },
      scales: {
        x: {time: false, range: () => this.range.bounds(this.last())},
        y: {distr: this.log ? 3 : 1, range: this.#yRange},
      },
      axes: [
        {...axis, space: widest, size: 44, gap: 14, values: (u, splits) => axisIterations(splits)},
        {
          ...axis,
          size: axisWidth,
          space: 34,
          ...(this.log ? {incrs: ANY_STEP, splits: logSplits, filter: (u, splits) => splits} :
            this.huge ? {incrs: HUGE_STEPS} : {}),
          values: (u, splits) => axisNumbers(splits),
        },
      ],
      series: [
        {},
        ...stroke.map((own) => ({stroke: own, width: 1.25, paths, points: {show: false, filter: alone, size: 4}})),
        ...stroke.map((own) => ({stroke: own, width: 2.25, points: {show: false}})),
      ],
      plugins: [marksPlugin(() => this.history.marks, {
        colour: (kind) => colour(kind === 'attempt' ? 'warn' : 'mark'),
        focusable: this.key === 'value',
      })],
      hooks: {
        setSelect: [(u) => this.#select(u)],
        setCursor: [(u) => this.#showReadout(u)],
        draw: [(u) => this.#drawGaps(u, colour), (u) => this.#drawEvaluations(u, colour)],
      },
    }, data, this.host);
  }

  #select(u) {
    const {left, width} = u.select;
    if (width < 6) return;
    this.range.set(u.posToVal(left, 'x'), u.posToVal(left + width, 'x'));
    u.setSelect({left: 0, top: 0, width: 0, height: 0}, false);
  }

  // Marks where a curve has a gap because there is no number to draw.
  #drawGaps(u, colour) {
    const {ctx, bbox} = u;
    ctx.save();
    ctx.fillStyle = colour('bad');
    for (const {from, to} of this.#gaps) {
      const left = Math.max(bbox.left, u.valToPos(from, 'x', true));
      const right = Math.min(bbox.left + bbox.width, u.valToPos(to, 'x', true));
      const width = Math.max(3 * devicePixelRatio, right - left);
      if (right < bbox.left || left > bbox.left + bbox.width) continue;
      ctx.globalAlpha = 0.1;
      ctx.fillRect(left, bbox.top, width, bbox.height);
      ctx.globalAlpha = 1;
      ctx.fillRect(left, bbox.top, width, 5 * devicePixelRatio);
    }
    ctx.restore();
  }

  #drawEvaluations(u, colour) {
    const losses = this.#losses();
    if (!losses.length) return;
    const {ctx, bbox} = u;
    ctx.save();
    ctx.beginPath();
    ctx.rect(bbox.left, bbox.top - 6, bbox.width + 6, bbox.height + 12);
    ctx.clip();
    ctx.fillStyle = colour('evaluation');
    ctx.strokeStyle = colour('card');
    ctx.lineWidth = 1.5 * devicePixelRatio;
    let before = -Infinity;
    for (const {iteration, loss} of losses.reverse()) {
      const x = u.valToPos(iteration, 'x', true);
      if (drawable(loss, this.log) == null || Math.abs(x - before) < 7 * devicePixelRatio) continue;
      before = x;
      ctx.beginPath();
      ctx.arc(x, u.valToPos(loss, 'y', true), 4 * devicePixelRatio, 0, 2 * Math.PI);
      ctx.fill();
      ctx.stroke();
    }
    ctx.restore();
  }

  #showReadout(u) {
    const points = this.source();
    if (!points.length || !this.#curves.length) return setText(this.readout, '');
    const {idx} = u?.cursor ?? {};
    const x = idx == null ? points.lastIndex : u.data[0][idx];
    const row = points.row(Math.min(points.find(x), points.length - 1));
    const several = this.#curves.length > 1;
    const parts = this.#curves.slice(0, 4).map(({column, label}) => (several ? `${label} ` : '') + value(row[column]));
    if (idx != null) {
      parts.unshift(`iteration ${count(row.index)}`);
      parts.push(`epoch ${row.epoch.toFixed(2)}`, duration(row.elapsed));
    }
    return setText(this.readout, parts.join(' · '));
  }

  #showLegend() {
    const several = this.#curves.length > 1;
    const smoothed = this.#smoothed;
    const dots = this.#losses().length > 0;
    const key = [this.#drawn, smoothed, dots].join();
    setHidden(this.legend, !several && !smoothed && !dots);
    if (this.legend.dataset.key === key) return;
    this.legend.dataset.key = key;
    const curves = several
      ? this.#curves.map(({label}, i) => h(`span.key.strong.${this.#colourName(i)}`, {}, label))
      : smoothed ? [h(`span.key.${this.colour}`, {}, 'iterations'), h(`span.key.strong.${this.colour}`, {}, 'smoothed')] : [];
    this.legend.replaceChildren(...curves, ...(dots ? [h('span.key.dot.evaluation', {}, 'test loss')] : []));
  }

  draw() {
    const points = this.source();
    this.#curves = this.curves().filter(({column}) => points[column]).slice(0, MOST_CURVES);
    setHidden(this.element, !points.length || !this.#curves.length);
    if (!this.host.clientWidth || !this.#curves.length) return;
    this.smoothBox.checked = this.#smoothed;
    const data = this.#data();
    const drawn = [this.log, this.huge, ...this.#curves.map(({column}) => column)].join();
    if (drawn !== this.#drawn) this.#forget();
    this.#drawn = drawn;
    if (!this.#plot) this.#plot = this.#create(data);
    this.#curves.forEach((_, i) => (this.#plot.series[1 + i].alpha = this.#smoothed ? 0.4 : 1));
    this.#plot.setData(data);
    this.host.dataset.last = this.last();
    this.#showLegend();
    this.#showReadout(this.#plot);
    // Axes are never shown alone.
    const empty = !data.slice(1).some((curve) => curve.some((y) => y != null)) && !this.#losses().length;
    setHidden(this.nothing, !empty);
    if (empty) {
      setText(this.nothing, this.#gaps.length
        ? `${this.title} is not a finite number at any of these iterations.`
        : 'There is nothing to draw at these iterations.');
    }
  }
}

// Gives the places of numbers between two gaps, which no line would show.
function alone(u, series) {
  const y = u.data[series];
  const places = [];
  for (let i = 0; i < y.length; ++i) if (y[i] != null && y[i - 1] == null && y[i + 1] == null) places.push(i);
  return places.length ? places : null;
}
