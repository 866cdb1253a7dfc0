// One chart over the iterations of a run: a curve, its smoothed form, evaluations, and marks.

/* global uPlot */
import {drawable, pick, smooth, smoothingSpan, within} from './curves.js';
import {h, setText} from './dom.js';
import {brief, count, duration, short, value} from './format.js';
import {marksPlugin} from './marks.js';
import {remember, remembered} from './settings.js';

const dark = matchMedia('(prefers-color-scheme: dark)');

function colours(element) {
  const style = getComputedStyle(element);
  return (name) => style.getPropertyValue(`--${name}`).trim();
}

// All of an axis in one notation.
function axisNumbers(splits) {
  const shown = splits.filter((y) => y != null && y !== 0).map(Math.abs);
  const least = Math.min(...shown);
  const greatest = Math.max(...shown);
  const plain = (least >= 1e-4 && greatest < 1e5) || !shown.length;
  return splits.map((y) => {
    if (y == null) return '';
    if (plain || y === 0) return String(+y.toPrecision(6));
    return String(+y.toPrecision(4)).includes('e') ? brief(y) : y.toExponential().replace('e+', 'e');
  });
}

export class Chart {
  #plot = null;

  // column: of Points. curve: names the colour. `source()` gives the Points to draw now.
  constructor({title, column, curve, height, range, history, source, last, noisy,
               smoothable = false, evaluations = false, log = false}) {
    Object.assign(this, {title, column, curve, height, range, history, source, last, noisy, smoothable, evaluations});
    this.wantsLog = remembered(`log ${column}`, log);
    this.log = this.wantsLog;
    this.readout = h('span.readout');
    this.logBox = h('input', {type: 'checkbox', onchange: () => this.#setLog(this.logBox.checked)});
    this.logBox.checked = this.wantsLog;
    this.smoothBox = h('input', {type: 'checkbox', onchange: () => this.#setSmooth(this.smoothBox.checked)});
    this.host = h('div.plot', {
      tabindex: 0,
      role: 'group',
      'aria-label': `${title} by iteration. Plus and minus zoom, the arrow keys move, 0 shows the whole run.`,
      onkeydown: (event) => this.#key(event),
      ondblclick: () => range.reset(),
    });
    const legend = [h(`span.key.${curve}`, {}, smoothable ? 'iterations' : '')];
    if (smoothable) legend.push(h(`span.key.strong.${curve}`, {}, 'smoothed'));
    if (evaluations) legend.push(h('span.key.dot.evaluation', {}, 'test loss'));
    this.legend = h('span.legend', {}, smoothable || evaluations ? legend : []);
    this.element = h(`section.chart.card.${curve}-chart`, {'aria-label': title},
      h('div.chart-head', {},
        h('h2', {}, title), this.readout, this.legend,
        h('span.options', {},
          smoothable && h('label', {}, this.smoothBox, ' Smooth') || null,
          h('label', {}, this.logBox, ' Log scale'))),
      this.host);
    range.addEventListener('change', this.#changed);
    dark.addEventListener('change', this.#rebuild);
    this.observer = new ResizeObserver(() => this.#resize());
    this.observer.observe(this.host);
  }

  destroy() {
    this.range.removeEventListener('change', this.#changed);
    dark.removeEventListener('change', this.#rebuild);
    this.observer.disconnect();
    this.#plot?.destroy();
    this.#plot = null;
  }

  #changed = () => this.draw();

  #rebuild = () => {
    this.#plot?.destroy();
    this.#plot = null;
    this.draw();
  };

  #setLog(on) {
    this.wantsLog = on;
    remember(`log ${this.column}`, on);
    this.draw();
  }

  #setSmooth(on) {
    remember(`smooth ${this.column}`, on);
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
    return this.smoothable && (remembered(`smooth ${this.column}`, null) ?? this.noisy());
  }

  #data() {
    const points = this.source();
    const {column} = this;
    const window = within(points, this.range);
    const positions = pick(points, column, window, Math.max(this.host.clientWidth, 200));
    const [min, max] = this.range.bounds(this.last());
    this.#chooseScale(points, positions);
    const mean = this.#smoothed ? smooth(points, column, smoothingSpan(max - min)) : null;
    return [
      positions.map((i) => points.index[i]),
      positions.map((i) => drawable(points[column][i], this.log)),
      positions.map((i) => (mean ? drawable(mean[i], this.log) : null)),
    ];
  }

  // Logarithms need positive values. A step size of 0 alone (schedules end there) is left out.
  #chooseScale(points, positions) {
    const y = points[this.column];
    const possible = !positions.some((i) => y[i] < 0) && (!positions.length || positions.some((i) => y[i] > 0));
    this.logBox.disabled = !possible;
    this.logBox.parentElement.title = possible ? '' : 'Needs values above zero';
    const log = this.wantsLog && possible;
    if (log === this.log) return;
    this.log = log;
    this.#plot?.destroy();
    this.#plot = null;
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
      const pad = Math.max((high / low) ** 0.06, 1.02);
      return [low / pad, high * pad];
    }
    if (low === high) return low === 0 ? [0, 1] : [Math.min(0, 2 * low), Math.max(0, 2 * high)];
    const pad = (high - low) * 0.06;
    // Near zero, zero is where the axis begins.
    return [low >= 0 && low < 0.35 * high ? 0 : low - pad, high + pad];
  };

  #losses() {
    if (!this.evaluations) return [];
    return this.history.evaluations.flatMap(({iteration, metrics}) =>
      metrics.filter((m) => m.name === 'loss').map((m) => ({iteration, loss: Number(m.value)})));
  }

  #create(data) {
    const colour = colours(this.element);
    const grid = {stroke: colour('grid'), width: 1};
    const axis = {
      stroke: colour('muted'),
      font: '12px system-ui, sans-serif',
      grid,
      ticks: {...grid, size: 4},
    };
    const stroke = colour(this.curve);
    const linear = uPlot.paths.linear();
    const stepped = uPlot.paths.stepped({align: -1});
    // Steps where there is room to see them: a step size holds from one iteration to the next.
    const paths = (u, ...rest) => {
      const [min, max] = this.range.bounds(this.last());
      const roomy = this.column === 'step' && max - min < 2 * this.host.clientWidth;
      return (roomy ? stepped : linear)(u, ...rest);
    };
    return new uPlot({
      width: this.host.clientWidth,
      height: this.height,
      padding: [10, 14, 0, 0],
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
        {...axis, space: 56, size: 44, gap: 14, values: (u, splits) => splits.map((x) => (Number.isInteger(x) ? short(x) : ''))},
        {
          ...axis,
          size: 62,
          space: 34,
          ...(this.log ? {splits: logSplits, filter: (u, splits) => splits} : {}),
          values: (u, splits) => axisNumbers(splits),
        },
      ],
      series: [
        {},
        {stroke, width: 1.25, alpha: this.#smoothed ? 0.4 : 1, paths, points: {show: (u) => u.data[0].length < 2}},
        {stroke, width: 2.25, points: {show: false}},
      ],
      plugins: [marksPlugin(() => this.history.marks, {
        colour: (kind) => colour(kind === 'attempt' ? 'warn' : 'mark'),
        focusable: this.column === 'value',
      })],
      hooks: {
        setSelect: [(u) => this.#select(u)],
        setCursor: [(u) => this.#showReadout(u)],
        draw: [(u) => this.#drawEvaluations(u, colour)],
      },
    }, data, this.host);
  }

  #select(u) {
    const {left, width} = u.select;
    if (width < 6) return;
    this.range.set(u.posToVal(left, 'x'), u.posToVal(left + width, 'x'));
    u.setSelect({left: 0, top: 0, width: 0, height: 0}, false);
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
    if (!points.length) return setText(this.readout, '');
    const {idx} = u?.cursor ?? {};
    const x = idx == null ? points.lastIndex : u.data[0][idx];
    const row = points.row(Math.min(points.find(x), points.length - 1));
    const parts = [value(row[this.column])];
    if (idx != null) {
      parts.unshift(`iteration ${count(row.index)}`);
      parts.push(`epoch ${row.epoch.toFixed(2)}`, duration(row.elapsed));
    }
    setText(this.readout, parts.join(' · '));
  }

  draw() {
    this.element.hidden = !this.source().length;
    if (!this.host.clientWidth) return;
    this.smoothBox.checked = this.#smoothed;
    const data = this.#data();
    if (this.#plot) {
      this.#plot.series[1].alpha = this.#smoothed ? 0.4 : 1;
      this.#plot.setData(data);
    } else {
      this.#plot = this.#create(data);
    }
    this.host.dataset.last = this.last();
    this.legend.hidden = !this.#smoothed && !this.#losses().length;
    this.#showReadout(this.#plot);
  }
}

// 1, 2 and 5 of each decade, or more where little more than one is in sight.
function logSplits(u, axis, min, max) {
  const decades = Math.log10(max / min);
  const digits = decades > 4 ? [1] : decades > 1.2 ? [1, 2, 5] : decades > 0.4 ? [1, 1.5, 2, 3, 4, 5, 6, 8] : null;
  if (!digits) {
    const step = niceStep((max - min) / 5);
    const out = [];
    for (let y = Math.ceil(min / step) * step; y <= max; y += step) out.push(+y.toPrecision(12));
    return out;
  }
  const out = [];
  const every = Math.max(1, Math.ceil(decades / 8));
  for (let e = Math.floor(Math.log10(min)); e <= Math.log10(max); ++e) {
    if (e % every) continue;
    for (const digit of digits) {
      const y = +(digit * 10 ** e).toPrecision(12);
      if (y >= min && y <= max) out.push(y);
    }
  }
  return out;
}

function niceStep(x) {
  const decade = 10 ** Math.floor(Math.log10(x));
  return decade * [1, 2, 5, 10].find((m) => m * decade >= x);
}
