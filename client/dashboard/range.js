// The iterations that the charts show, all of them the same: the whole run, or a window.

export class Range extends EventTarget {
  min = null;  // null: the whole run
  max = null;

  get whole() {
    return this.min == null;
  }

  set(min, max) {
    const width = Math.max(4, max - min);
    const middle = (min + max) / 2;
    this.min = Math.max(0, Math.round(middle - width / 2));
    this.max = Math.round(this.min + width);
    this.dispatchEvent(new Event('change'));
  }

  reset() {
    this.min = this.max = null;
    this.dispatchEvent(new Event('change'));
  }

  // About the middle, or by a part of the width, out of `last` iterations.
  zoom(factor, last) {
    const [min, max] = this.bounds(last);
    const half = ((max - min) / 2) * factor;
    const middle = (min + max) / 2;
    if (2 * half >= last) this.reset();
    else this.set(middle - half, middle + half);
  }

  move(part, last) {
    if (this.whole) return;
    const shift = Math.min((this.max - this.min) * part, Math.max(0, last - this.max));
    const by = part < 0 ? Math.max((this.max - this.min) * part, -this.min) : shift;
    this.set(this.min + by, this.max + by);
  }

  bounds(last) {
    return this.whole ? [0, Math.max(last, 1)] : [this.min, this.max];
  }
}
