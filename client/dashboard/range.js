// Knows the iterations that the charts show, all of them the same: the whole run, a window, or the
// run's last part, which goes along with it.

export class Range extends EventTarget {
  #window = null;  // [min, max]
  #part = null;    // of the run: 0.1, the last tenth

  get whole() {
    return this.#window == null && this.#part == null;
  }

  // Gives the part that is followed; null if none is.
  get part() {
    return this.#part;
  }

  set(min, max) {
    const width = Math.max(4, max - min);
    const low = Math.max(0, Math.round((min + max) / 2 - width / 2));
    this.#change([low, Math.round(low + width)], null);
  }

  follow(part) {
    this.#change(null, part);
  }

  reset() {
    this.#change(null, null);
  }

  // Zooms about the middle, or by a part of the width, out of `last` iterations.
  zoom(factor, last) {
    const [min, max] = this.bounds(last);
    const half = ((max - min) / 2) * factor;
    const middle = (min + max) / 2;
    if (2 * half >= last) this.reset();
    else this.set(middle - half, middle + half);
  }

  move(part, last) {
    if (this.whole) return;
    const [min, max] = this.bounds(last);
    const by = (max - min) * part;
    const shift = part < 0 ? Math.max(by, -min) : Math.min(by, Math.max(0, last - max));
    this.set(min + shift, max + shift);
  }

  bounds(last) {
    if (this.#part != null) return [Math.floor(last * (1 - this.#part)), Math.max(last, 1)];
    return this.#window ?? [0, Math.max(last, 1)];
  }

  #change(window, part) {
    this.#window = window;
    this.#part = part;
    this.dispatchEvent(new Event('change'));
  }
}
