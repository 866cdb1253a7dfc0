// Asks of a job what can be asked besides turning its dials.

import {Answer} from './answer.js';
import {h, setHidden, setText} from './dom.js';
import {count, shortName} from './format.js';

export class Actions {
  constructor(job) {
    this.job = job;
    this.answer = new Answer();
    const button = (label, title, command, selector = 'button') =>
      h(selector, {type: 'button', title, onclick: () => this.answer.send(job, [command])}, label);
    this.pause = button('Pause', 'Wait at the next iteration', {pause: {}});
    this.resume = button('Resume', 'Go on', {resume: {}}, 'button.primary');
    this.evaluate = button('Evaluate', 'Evaluate on the test data now', {evaluate: {}});
    this.checkpoint = button('Checkpoint', 'Save a checkpoint now', {checkpoint: {}});
    this.stop = h('button.danger', {type: 'button', onclick: () => this.#confirm()}, 'Stop…');
    this.question = h('p');
    this.dialog = h('dialog', {'aria-label': 'Stop the job?', onclose: () => this.#closed()},
      h('form', {method: 'dialog'},
        h('h2', {}, 'Stop the job?'), this.question,
        h('div.buttons', {},
          h('button', {value: 'no'}, 'Let it run'),
          h('button.danger.filled', {value: 'stop'}, 'Stop it'))));
    this.bar = h('fieldset.actions', {'aria-label': 'Job'},
      this.resume, this.pause, this.evaluate, this.checkpoint, this.stop);
    this.element = h('div.actions-box', {}, this.bar, this.answer.element, this.dialog);
  }

  update({state, ended, enabled, iteration}) {
    this.bar.disabled = !enabled;
    setHidden(this.bar, ended);
    setHidden(this.pause, state === 'PAUSED');
    setHidden(this.resume, state !== 'PAUSED');
    this.iteration = iteration;
    if (ended && this.dialog.open) this.dialog.close('no');
  }

  #confirm() {
    setText(this.question,
      `${shortName(this.job)} ends at its present iteration (${count(this.iteration)} now), with a checkpoint. ` +
      'A stopped job can’t go on.');
    this.dialog.returnValue = 'no';
    this.dialog.showModal();
  }

  #closed() {
    if (this.dialog.returnValue === 'stop') this.answer.send(this.job, [{stop: {}}]);
  }
}
