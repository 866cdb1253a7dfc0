// Sends commands so that they happen exactly once: a request whose answer got lost is sent again
// under the same request_id, and the server answers what it answered then.

import {Refusal, Unreachable, commandJob} from './api.js';
import {connection} from './connection.js';
import {brief, count, dialName, toNumber} from './format.js';

const PATIENCE = 30000;  // milliseconds; a dial turned longer ago should be turned anew

function requestId() {
  const bytes = crypto.getRandomValues(new Uint8Array(12));
  return 'dashboard-' + Array.from(bytes, (b) => b.toString(16).padStart(2, '0')).join('');
}

// Gives the Applied event, or throws a Refusal or Unreachable. `onWait` is told 'accepted' when the
// request is kept but its iteration is long in coming, and 'lost' when the connection broke first.
export async function send(job, commands, onWait = () => {}) {
  const body = {request_id: requestId(), commands};
  let lost = 0;
  for (;;) {
    try {
      return (await commandJob(job, body)).event;
    } catch (error) {
      if (error instanceof Refusal && error.code === 504) {
        lost = 0;
        onWait('accepted');
        continue;
      }
      if (!(error instanceof Unreachable)) throw error;
      lost ||= performance.now();
      onWait('lost');
      await new Promise((resolve) => setTimeout(resolve, 500));
      const left = lost + PATIENCE - performance.now();
      const back = left > 0 && (await connection.regained(left).then(() => true, () => false));
      if (!back) {
        throw new Unreachable(
          'No answer from the server. Whether the command was taken will show in the list of commands; it is not sent again.');
      }
    }
  }
}

export function describeChange({path, old_value: before, new_value: after, released}) {
  const arrow = `${dialName(path)} ${brief(toNumber(before))} → ${brief(toNumber(after))}`;
  return released ? `${arrow} (released to its schedule)` : arrow;
}

// Says "Applied at iteration 4,572: step_size 5.2e-4 → 0.001".
export function describeApplied(applied) {
  const changes = (applied.changes ?? []).map(describeChange);
  const what = changes.length ? changes : (applied.commands ?? []);
  return `Applied at iteration ${count(toNumber(applied.iteration))}: ${what.join(', ')}`;
}

// Says what a command asks: "set step_size to 0.01".
export function describeCommand(command) {
  const [[kind, given = {}] = ['command']] = Object.entries(command);
  const {path, value, factor} = given;
  const dial = path && dialName(path);
  if (kind === 'set') return `set ${dial} to ${brief(toNumber(value))}`;
  if (kind === 'scale') return `scale ${dial} by ${brief(toNumber(factor))}`;
  if (kind === 'release') return `release ${dial}`;
  // Another one with whatever is given with it.
  return [kind, ...Object.entries(given).map(([name, what]) => `${name} ${what}`)].join(' ');
}
