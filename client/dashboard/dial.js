// A dial of a running job: its present value, whether a schedule or a person decides it, and the
// means to take it over and to give it back. Nothing is sent before `Set`.

import {Answer} from './answer.js';
import {h, setHidden, setText} from './dom.js';
import {brief, lastPart, ownerOf, typed, value as formatValue} from './format.js';

const STEPS = 100;  // of the slider, a decade

export class Dial {
  #draft = null;  // what the slider or the field says and the job does not know yet
  #present = NaN;
  #low = -6;      // decades
  #high = 0;

  constructor(job, path) {
    this.job = job;
    this.path = path;
    const {player, scope} = ownerOf(path);
    const owner = [player, scope].filter(Boolean).join(' ');
    const name = lastPart(path).replaceAll('_', ' ') + (owner && ` of ${owner}`);
    this.name = name;
    this.badge = h('span.badge');
    this.present = h('output.dial-value', {'aria-label': `present ${name}`});
    this.slider = h('input', {
      type: 'range', step: 1, 'aria-label': `${name}, logarithmic`,
      oninput: () => this.#draw(10 ** (this.slider.valueAsNumber / STEPS)),
    });
    this.ticks = h('div.ticks', {'aria-hidden': 'true'});
    this.field = h('input', {
      type: 'text', inputmode: 'decimal', autocomplete: 'off', spellcheck: 'false',
      'aria-label': `new ${name}`, oninput: () => this.#typed(),
      onkeydown: (event) => event.key === 'Escape' && this.#forget(),
    });
    this.setButton = h('button.primary', {type: 'submit'}, 'Set');
    const button = (label, title, command) =>
      h('button', {type: 'button', title, onclick: () => this.#send([command()])}, label);
    this.release = button('Release', 'Give it back to its schedule', () => ({release: {path}}));
    this.controls = h('fieldset', {},
      h('div.slider', {}, this.slider, this.ticks),
      h('form', {onsubmit: (event) => this.#submit(event)}, this.field, this.setButton),
      h('div.buttons', {},
        button('× ½', `Half the present ${name}`, () => ({scale: {path, factor: 0.5}})),
        button('× 2', `Twice the present ${name}`, () => ({scale: {path, factor: 2}})),
        this.release));
    this.answer = new Answer();
    this.element = h('section.card.dial', {'aria-label': name},
      h('div.dial-head', {}, h('h2', {}, name[0].toUpperCase() + name.slice(1)), this.badge),
      this.present, this.controls, this.answer.element, h('small.path', {}, path));
  }

  update({value, overridden}, {enabled, ended}) {
    this.#present = value;
    setText(this.present, overridden ? brief(value, 5) : formatValue(value));
    setText(this.badge, overridden ? 'Taken over' : 'On schedule');
    this.badge.classList.toggle('taken', overridden);
    this.controls.disabled = !enabled;
    setHidden(this.controls, ended);
    this.release.disabled = !overridden;
    this.field.placeholder = brief(value);
    if (this.#draft == null) this.#showOnSlider(value);
    this.setButton.disabled = this.#draft == null;
  }

  #showOnSlider(x) {
    const decade = x > 0 ? Math.log10(x) : this.#low;
    if (!this.slider.max || decade < this.#low || decade > this.#high) this.#span(decade);
    this.slider.value = Math.round(decade * STEPS);
    this.slider.ariaValueText = brief(x);
  }

  // Shows two decades about a value on either side, or more where it was before.
  #span(decade) {
    const first = !this.slider.max;
    this.#low = Math.min(first ? Infinity : this.#low, Math.max(-12, Math.floor(decade) - 2));
    this.#high = Math.max(first ? -Infinity : this.#high, Math.ceil(decade) + 2);
    this.slider.min = this.#low * STEPS;
    this.slider.max = this.#high * STEPS;
    const decades = this.#high - this.#low;
    const every = Math.ceil(decades / 5);
    this.ticks.replaceChildren();
    for (let d = this.#low; d <= this.#high; d += every) {
      const tick = h('span', {}, `1e${d}`);
      tick.style.left = `${(100 * (d - this.#low)) / decades}%`;
      this.ticks.append(tick);
    }
  }

  // Takes three digits from the slider, which is what a hand can mean.
  #draw(x) {
    this.#draft = Number(x.toPrecision(3));
    this.field.value = typed(this.#draft);
    this.slider.ariaValueText = this.field.value;
    this.setButton.disabled = false;
  }

  #typed() {
    const text = this.field.value.trim();
    this.#draft = text === '' ? null : Number(text.replace(',', '.'));
    this.setButton.disabled = this.#draft == null;
    this.#showOnSlider(Number.isFinite(this.#draft ?? NaN) ? this.#draft : this.#present);
  }

  #forget() {
    this.#draft = null;
    this.field.value = '';
    this.setButton.disabled = true;
    this.#showOnSlider(this.#present);
  }

  async #submit(event) {
    event.preventDefault();
    if (this.#draft == null) return;
    if (Number.isNaN(this.#draft)) {
      this.answer.say('bad', `“${this.field.value}” is not a number: type one like 0.001 or 1e-3.`);
      return;
    }
    if (await this.#send([{set: {path: this.path, value: this.#draft}}])) this.#forget();
  }

  #send(commands) {
    return this.answer.send(this.job, commands);
  }
}
