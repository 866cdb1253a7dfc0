// The tables beside the curves: commands, evaluations, and what else happened.

import {KeyedList, h, setHidden, setText} from './dom.js';
import {clockTime, count, metric} from './format.js';

const SHOWN = 200;

export class CommandLog {
  constructor() {
    const list = h('ol.log');
    this.empty = h('p.none', {}, 'None yet.');
    this.rows = new KeyedList(list, (entry) => entry.key, commandRow);
    this.element = h('section.card', {'aria-label': 'Commands'}, h('h2', {}, 'Commands'), this.empty, list);
  }

  update(commands) {
    setHidden(this.empty, commands.size > 0);
    this.rows.update([...commands.values()].reverse().slice(0, SHOWN));
  }
}

function commandRow() {
  const what = h('span.what');
  const how = h('small');
  const element = h('li', {}, what, how);
  return {
    element,
    update({status, text, changes, iteration, principal, time, summary, at, leftBehind, again}) {
      setText(what, status === 'applied' && changes.length ? changes.join(', ') : text);
      const by = principal ? `${principal}, ` : '';
      const where = {
        applied: `${by}at iteration ${count(iteration)}`,
        accepted: by + (at == null ? 'waits for the next iteration' : `waits for iteration ${count(at)}`),
        rejected: `${by}refused: ${summary}`,
      }[status];
      const note = leftBehind ? ', left behind by a rewind' : again ? ', once more after a rewind' : '';
      setText(how, `${where}${note} · ${clockTime(time)}`);
      element.className = leftBehind ? 'behind' : status;
    },
  };
}

export class EvaluationTable {
  constructor() {
    this.head = h('tr');
    this.body = h('tbody');
    this.empty = h('p.none', {}, 'None yet.');
    this.table = h('table', {}, h('thead', {}, this.head), this.body);
    this.matrices = h('div.matrices');
    this.element = h('section.card', {'aria-label': 'Evaluations'},
      h('h2', {}, 'Evaluations'), this.empty,
      h('div.scroll', {tabindex: 0, 'aria-label': 'Evaluations'}, this.table), this.matrices);
    this.drawn = null;
  }

  update(evaluations) {
    const newest = evaluations.at(-1);
    if (newest === this.drawn) return;
    this.drawn = newest;
    setHidden(this.empty, evaluations.length > 0);
    setHidden(this.table, evaluations.length === 0);
    const names = [...new Set(evaluations.flatMap(({metrics}) => metrics.map(({name}) => name)))];
    this.head.replaceChildren(...['iteration', ...names].map((name) => h('th', {scope: 'col'}, name)));
    this.body.replaceChildren(...evaluations.slice(-SHOWN).reverse().map(({iteration, metrics, asked}) =>
      h('tr', {title: asked ? 'by command' : ''},
        h('td', {}, count(iteration)),
        names.map((name) => h('td', {}, ((found) => (found ? metric(found) : '–'))(metrics.find((m) => m.name === name)))))));
    this.matrices.replaceChildren(...(newest?.metrics ?? []).filter(({values = []}) => values.length)
      .map((m) => matrixTable(m, newest.iteration)));
  }
}

// The newest confusion matrix: what is true row by row, what was taken for it column by column.
function matrixTable({name, values}, iteration) {
  const size = Math.round(Math.sqrt(values.length));
  const classes = [...Array(size).keys()];
  return h('table', {},
    h('caption', {}, `${name} at iteration ${count(iteration)}`),
    h('thead', {}, h('tr', {}, ['', ...classes].map((c) => h('th', {scope: 'col'}, String(c))))),
    h('tbody', {}, classes.map((i) =>
      h('tr', {}, h('th', {scope: 'row'}, String(i)), classes.map((j) => h('td', {}, count(Number(values[i * size + j]))))))));
}

// Warnings of the journal: a worker died, …
export class Notices {
  constructor() {
    this.list = h('ol.log');
    this.element = h('section.card', {'aria-label': 'Notices', hidden: true}, h('h2', {}, 'Notices'), this.list);
    this.drawn = null;
  }

  update(notices) {
    if (notices === this.drawn) return;
    this.drawn = notices;
    setHidden(this.element, notices.length === 0);
    this.list.replaceChildren(...notices.toReversed().map(({message = '', severity = 'INFO', time}) =>
      h(`li.${severity.toLowerCase()}`, {}, h('span.what', {}, message), h('small', {}, clockTime(time)))));
  }
}
