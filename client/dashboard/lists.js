// Shows the tables beside the curves: commands, evaluations, and what else happened.

import {KeyedList, h, setHidden, setText} from './dom.js';
import {count, matrixSize, metric, moment} from './format.js';

const SHOWN = 200;
const SEVERITIES = {WARNING: 'warning', ERROR: 'error'};
const CLASSES = 30;  // of a matrix that is shown whole

// A name that may go on in the next line after a dot or an underscore.
const breakable = (name) => name.replace(/[._]/g, '$&\u200b');

// Says what a list leaves out.
const newest = (shown, all) => (shown < all ? `The newest ${count(shown)} of ${count(all)}.` : '');

export class CommandLog {
  constructor() {
    const list = h('ol.log');
    this.empty = h('p.none', {}, 'None yet.');
    this.rows = new KeyedList(list, (entry) => entry.key, commandRow);
    this.note = h('p.none', {hidden: true});
    this.element = h('section.card', {'aria-label': 'Commands'}, h('h2', {}, 'Commands'), this.empty, this.note, list);
  }

  update(commands) {
    setHidden(this.empty, commands.size > 0);
    setHidden(this.note, commands.size <= SHOWN);
    setText(this.note, newest(SHOWN, commands.size));
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
      setText(how, `${where}${note} · ${moment(time)}`);
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
    this.note = h('p.none', {hidden: true});
    this.matrices = h('div.matrices');
    this.element = h('section.card', {'aria-label': 'Evaluations'},
      h('h2', {}, 'Evaluations'), this.empty, this.note,
      h('div.scroll', {tabindex: 0, 'aria-label': 'Evaluations'}, this.table), this.matrices);
    this.drawn = null;
  }

  // `classes` are their names, if they have any.
  update({evaluations, evaluationsLeftOut}, classes = []) {
    const last = evaluations.at(-1);
    if (last === this.drawn) return;
    this.drawn = last;
    const note = newest(Math.min(SHOWN, evaluations.length), evaluations.length + evaluationsLeftOut);
    setHidden(this.note, !note);
    setText(this.note, note);
    setHidden(this.empty, evaluations.length > 0);
    setHidden(this.table, evaluations.length === 0);
    // Matrices stand below.
    const names = [...new Set(evaluations.flatMap(({metrics}) => metrics.filter((m) => !matrixSize(m)).map(({name}) => name)))];
    this.head.replaceChildren(...['iteration', ...names].map((name) => h('th', {scope: 'col'}, breakable(name))));
    this.body.replaceChildren(...evaluations.slice(-SHOWN).reverse().map(({iteration, metrics, asked}) =>
      h('tr', {title: asked ? 'by command' : ''},
        h('td', {}, count(iteration)),
        names.map((name) => h('td', {}, ((found) => (found ? metric(found) : '–'))(metrics.find((m) => m.name === name)))))));
    this.matrices.replaceChildren(...(last?.metrics ?? []).filter(matrixSize)
      .map((m) => matrixTable(m, last.iteration, classes)));
  }
}

// Shows the newest confusion matrix: what is true row by row, what was taken for it column by
// column.
function matrixTable(given, iteration, classes) {
  const {name, values = []} = given;
  const size = matrixSize(given);
  const title = `${name.replaceAll('_', ' ')} at iteration ${count(iteration)}`;
  if (size > CLASSES || !values.length) return h('p.none', {}, `${title}: ${count(size)} × ${count(size)}, too large to be shown here.`);
  const all = [...Array(size).keys()];
  const label = (i) => (classes.length === size ? classes[i] : String(i));
  const heading = (scope, i) => h('th', {scope, title: label(i)}, h('span.class', {}, label(i)));
  return h('table', {},
    h('caption', {}, title),
    h('thead', {}, h('tr', {}, h('td', {}, 'true \\ predicted'), all.map((j) => heading('col', j)))),
    h('tbody', {}, all.map((i) =>
      h('tr', {}, heading('row', i), all.map((j) => h('td', {}, count(Number(values[i * size + j]))))))));
}

// Shows the journal's warnings: a worker died, …
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
    this.list.replaceChildren(...notices.toReversed().map(({message = '', severity, time}) =>
      h(`li.${SEVERITIES[severity] ?? 'info'}`, {}, h('span.what', {}, message), h('small', {}, moment(time)))));
  }
}
