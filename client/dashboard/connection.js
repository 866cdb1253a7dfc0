// Knows whether the server answers. Everything that talks to it reports here, by a name of its own;
// the connection is lost while any of them has lost it.

class Connection extends EventTarget {
  #lost = new Map();
  #heard = false;
  lastHeard = 0;

  get lost() {
    return this.#lost.size > 0;
  }

  get reason() {
    return [...this.#lost.values()].at(-1) ?? '';
  }

  get heard() {
    return this.#heard;
  }

  succeeded(source) {
    this.lastHeard = Date.now();
    this.#change(() => {
      this.#heard = true;
      this.#lost.delete(source);
    });
  }

  failed(source, reason) {
    this.#change(() => this.#lost.set(source, reason));
  }

  // Forgets a source that is no longer there.
  forget(source) {
    this.#change(() => this.#lost.delete(source));
  }

  // Asks everybody who waits to try again.
  retry() {
    this.dispatchEvent(new Event('retry'));
  }

  // Resolves when the connection is back, and rejects after so many milliseconds.
  regained(limit) {
    return new Promise((resolve, reject) => {
      const check = () => {
        if (this.lost) return;
        done();
        resolve();
      };
      const timer = setTimeout(() => {
        done();
        reject(new Error('not regained'));
      }, limit);
      const done = () => {
        clearTimeout(timer);
        this.removeEventListener('change', check);
      };
      this.addEventListener('change', check);
      check();
    });
  }

  #change(action) {
    const before = [this.lost, this.#heard].join();
    action();
    if ([this.lost, this.#heard].join() !== before) this.dispatchEvent(new Event('change'));
  }
}

export const connection = new Connection();
addEventListener('online', () => connection.retry());
document.addEventListener('visibilitychange', () => document.hidden || connection.retry());

// Waits so long, or less: until a retry is asked for, or the signal is aborted.
export function pause(millis, signal) {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      connection.removeEventListener('retry', done);
      signal?.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, millis);
    connection.addEventListener('retry', done);
    signal?.addEventListener('abort', done);
  });
}
