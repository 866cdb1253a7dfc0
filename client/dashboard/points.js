// A run's iterations, bounded: where they get too many, each four neighbours become the two with the
// least and the greatest value (and both remember the mean), so that no spike is lost and a run of
// any length costs the same.

const COLUMNS = ['index', 'value', 'mean', 'gradient', 'step', 'epoch', 'elapsed', 'samples', 'revision', 'time'];

export class Points {
  constructor(capacity = 40000) {
    this.capacity = capacity;
    this.length = 0;
    this.thinned = false;
    for (const column of COLUMNS) this[column] = new Float64Array(capacity);
  }

  get lastIndex() {
    return this.length ? this.index[this.length - 1] : -1;
  }

  push(row) {
    if (row.index <= this.lastIndex) this.truncate(row.index - 1);
    if (this.length === this.capacity) this.#thin();
    for (const column of COLUMNS) this[column][this.length] = row[column] ?? NaN;
    this.mean[this.length] = row.value;
    this.length += 1;
  }

  // Forgets everything after this iteration.
  truncate(index) {
    this.length = this.find(index + 1);
  }

  // The position of the first iteration that is not before `index`.
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
    return Object.fromEntries(COLUMNS.map((column) => [column, this[column][position]]));
  }

  #thin() {
    let to = 0;
    for (let from = 0; from < this.length; from += 4) {
      const end = Math.min(from + 4, this.length);
      let least = from;
      let greatest = from;
      let sum = 0;
      for (let i = from; i < end; ++i) {
        sum += this.mean[i];
        // A value that is not finite is the most extreme there is.
        if (this.value[i] < this.value[least]) least = i;
        if (!(this.value[i] <= this.value[greatest])) greatest = i;
      }
      const mean = sum / (end - from);
      for (const i of new Set([Math.min(least, greatest), Math.max(least, greatest)])) {
        for (const column of COLUMNS) this[column][to] = this[column][i];
        this.mean[to++] = mean;
      }
    }
    this.length = to;
    this.thinned = true;
  }
}
