// One line says what became of a command: sent, applied at which iteration, or refused and why.

import {Refusal} from './api.js';
import {describeApplied, send} from './commands.js';
import {h, setText} from './dom.js';

const WAITING = {
  accepted: 'Accepted; the run has not come to its next iteration yet…',
  lost: 'The connection was lost before the answer came; asking again as soon as it is back…',
};

export class Answer {
  #number = 0;

  constructor() {
    this.element = h('p.answer', {role: 'status', 'aria-live': 'polite', hidden: true});
  }

  say(kind, text) {
    this.element.hidden = false;
    this.element.className = `answer ${kind}`;
    setText(this.element, text);
  }

  // Resolves to whether it was applied.
  async send(job, commands) {
    const number = ++this.#number;
    const say = (kind, text) => number === this.#number && this.say(kind, text);
    say('pending', 'Sent; waits for the next iteration…');
    try {
      const event = await send(job, commands, (why) => say('pending', WAITING[why]));
      say('ok', describeApplied(event.command_applied));
      return true;
    } catch (error) {
      say('bad', error instanceof Refusal ? `Refused: ${error.message}` : error.message);
      return false;
    }
  }
}
