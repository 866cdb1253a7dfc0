// Decides which charts a job has: its value, step size and gradient norm, each with those of its
// players or groups; the parts of its loss; and, folded away, whatever else its iterations tell.

import {Chart} from './chart.js';
import {h, setHidden, setText} from './dom.js';
import {lastPart, ownerOf} from './format.js';
import {seriesColumn} from './points.js';

const late = true;  // the starting point was made by no step

// Gives `bias` of a parameter group's series, `generator` of a player's.
function ownerName(name) {
  const {player, scope} = ownerOf(name);
  return [player, scope.replace(/^groups\./, '')].filter(Boolean).join(' ');
}

const curveOf = (name, label) => ({column: seriesColumn(name), label: label || lastPart(name), late});

export class JobCharts {
  #further = new Map();  // last part of the names → Chart

  // `shared` are options of every chart.
  constructor(history, shared) {
    Object.assign(this, {history, shared});
    const chart = (options) => new Chart({...shared, ...options});
    this.charts = [
      chart({title: 'Value', key: 'value', colour: 'value', height: 300, smoothable: true, evaluations: true, log: true,
        curves: () => [{column: 'value', label: 'all'}, ...this.#called('value')]}),
      chart({title: 'Step size', key: 'step', colour: 'step', height: 200, curves: () => this.#stepSizes()}),
      chart({title: 'Gradient norm', key: 'gradient', colour: 'gradient', height: 190, smoothable: true,
        curves: () => [{column: 'gradient', label: 'all'}, ...this.#called('gradient_norm')]}),
      chart({title: 'Parts of the value', key: 'parts', colour: 'further-3', height: 200, smoothable: true,
        curves: () => this.#parts().map((name) => curveOf(name, [ownerName(name), lastPart(name)].filter(Boolean).join(' ')))}),
    ];
    this.folded = h('div.curves');
    this.summary = h('summary');
    this.more = h('details.more', {hidden: true, ontoggle: () => this.#drawFurther()}, this.summary, this.folded);
    this.elements = [...this.charts.map(({element}) => element), this.more];
  }

  destroy() {
    for (const chart of [...this.charts, ...this.#further.values()]) chart.destroy();
  }

  draw() {
    for (const chart of this.charts) chart.draw();
    const names = this.#others();
    setHidden(this.more, !names.length);
    setText(this.summary, `Further series (${names.length})`);
    this.#drawFurther();
  }

  // Gives the series of that last name: one of each player or group.
  #called(last) {
    return this.history.series.filter((name) => lastPart(name) === last).map((name) => curveOf(name, ownerName(name)));
  }

  // Gives the main step size first, which is told by its path; a system has none but the players'.
  #stepSizes() {
    const {series, stepSizes} = this.history;
    const main = stepSizes.length && !series.includes(stepSizes[0]) ? [{column: 'step', label: 'main', late}] : [];
    return [...main, ...this.#called('step_size')];
  }

  #parts() {
    const {series, isDial} = this.history;
    return series.filter((name) => name.split('.').includes('objective') && !isDial(name));
  }

  #others() {
    const shown = new Set(this.#parts());
    return this.history.series.filter(
      (name) => !shown.has(name) && !['value', 'gradient_norm', 'step_size'].includes(lastPart(name)));
  }

  // Does no work for what is folded away.
  #drawFurther() {
    if (!this.more.open) return;
    for (const name of this.#others()) {
      const last = lastPart(name);
      if (this.#further.has(last)) continue;
      const chart = new Chart({...this.shared, title: last.replaceAll('_', ' '), key: last, colour: 'further-4', height: 160,
        curves: () => this.#called(last)});
      this.#further.set(last, chart);
      this.folded.append(chart.element);
    }
    for (const chart of this.#further.values()) chart.draw();
  }
}
