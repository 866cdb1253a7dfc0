// Keeps a run's iterations, bounded: where they get too many, of each eight neighbours stay those
// with the least and the greatest value and gradient norm, so that the range of a curve and each
// spike stay, and one as a fair sample for means. A run of any length costs the same.

const COLUMNS = ['index', 'value', 'gradient', 'step', 'epoch', 'elapsed', 'samples', 'revision', 'time', 'sampled'];
const GROUP = 8;
const MOST_SERIES = 64;  // of a column each

// Gives the column of a series, whose name may be that of another column.
export const seriesColumn = (name) => `series ${name}`;

export class Points {
  constructor(capacity = 40000) {
    this.capacity = capacity;
    this.length = 0;
    this.thinned = false;
    this.columns = [...COLUMNS];
    this.scalars = [];  // the columns of a row's scalars, in order
    for (const column of COLUMNS) this[column] = new Float64Array(capacity);
  }

  // Says what the scalars of the rows to come are called; rows from before have none.
  nameSeries(names) {
    this.scalars = names.slice(0, MOST_SERIES).map(seriesColumn);
    for (const column of this.scalars) {
      if (this.columns.includes(column)) continue;
      this.columns.push(column);
      this[column] = new Float64Array(this.capacity).fill(NaN);
    }
  }

  get lastIndex() {
    return this.length ? this.index[this.length - 1] : -1;
  }

  // `sampled: 0` marks a row that was chosen for being extreme: it is no sample that means could be
  // taken of.
  push(row) {
    if (row.index <= this.lastIndex) this.truncate(row.index - 1);
    if (this.length === this.capacity) this.#thin();
    for (const column of this.columns) this[column][this.length] = row[column] ?? NaN;
    this.scalars.forEach((column, i) => (this[column][this.length] = row.scalars?.[i] ?? NaN));
    this.sampled[this.length] = row.sampled ?? 1;
    this.length += 1;
  }

  // Forgets everything after this iteration.
  truncate(index) {
    this.length = this.find(index + 1);
  }

  // Gives the position of the first iteration that is not before `index`.
  find(index) {
    let low = 0;
    let high = this.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.index[middle] < index) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  row(position) {
    const row = Object.fromEntries(this.columns.map((column) => [column, this[column][position]]));
    return {...row, scalars: this.scalars.map((column) => row[column])};
  }

  #thin() {
    let to = 0;
    for (let from = 0; from < this.length; from += GROUP) {
      const end = Math.min(from + GROUP, this.length);
      const sample = this.sampled.subarray(from, end).indexOf(1) + from;
      const kept = new Set([...this.#ends('value', from, end), ...this.#ends('gradient', from, end)]);
      if (sample >= from) kept.add(sample);
      for (const i of [...kept].sort((a, b) => a - b)) {
        for (const column of this.columns) this[column][to] = this[column][i];
        this.sampled[to++] = i === sample ? 1 : 0;
      }
    }
    this.length = to;
    this.thinned = true;
  }

  // Gives the positions of the least and the greatest; what is not finite counts as the greatest.
  #ends(column, from, end) {
    const size = (i) => (Number.isFinite(this[column][i]) ? this[column][i] : Infinity);
    let least = from;
    let greatest = from;
    for (let i = from; i < end; ++i) {
      if (size(i) < size(least)) least = i;
      if (size(i) > size(greatest)) greatest = i;
    }
    return [least, greatest];
  }
}
