// Shows one small window of text beside whatever is pointed at.

import {h} from './dom.js';

const tip = () => document.getElementById('tip');

export function showTip(target, lines) {
  const element = tip();
  element.replaceChildren(...lines.map((line) => h(line.strong ? 'strong' : line.faint ? 'small' : 'span', {}, line.text)));
  element.hidden = false;
  const at = target.getBoundingClientRect();
  const {offsetWidth: width, offsetHeight: height} = element;
  const left = Math.min(Math.max(8, at.left + at.width / 2 - width / 2), innerWidth - width - 8);
  const above = at.top - height - 8;
  element.style.left = `${left}px`;
  element.style.top = `${above > 8 ? above : at.bottom + 8}px`;
}

export function hideTip() {
  tip().hidden = true;
}
