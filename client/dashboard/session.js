// Knows by what the server lets this page in: a session, whose secret lies in the browser's storage
// for this address alone and travels as `Authorization: Bearer`. (A cookie would be sent to every
// other server of this host too, and by others' pages.)

import {remember, remembered} from './settings.js';

class Session extends EventTarget {
  get secret() {
    return remembered('session', '');
  }

  set secret(secret) {
    remember('session', secret);
  }

  // What every request carries.
  get headers() {
    return this.secret ? {Authorization: `Bearer ${this.secret}`} : {};
  }

  // The server asks for a session, or for another one.
  refused(reason) {
    this.dispatchEvent(new CustomEvent('refused', {detail: reason}));
  }
}

export const session = new Session();

// Takes the code out of an address of `descent open`, `#code=…`, and out of the browser's history:
// it is good once, and nobody should find it there. Gives null if there is none.
export function takeCode() {
  const code = location.hash.match(/^#code=([\w-]+)$/)?.[1] ?? null;
  if (code) history.replaceState(null, '', `${location.pathname}#/jobs`);
  return code;
}
