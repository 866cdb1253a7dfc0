// Shows commands (and new attempts) as marks on a chart's axis: a line up, and a pin to point at.
// Pins that would lie on each other are one, with their number.

import {h} from './dom.js';
import {count, moment} from './format.js';
import {hideTip, showTip} from './tip.js';

const NEAR = 14;   // pixels
const LINES = 8;   // of a tip

export function marksPlugin(getMarks, {colour, focusable}) {
  let layer;
  const pins = [];

  function clusters(u) {
    const found = [];
    for (const mark of getMarks()) {
      const x = u.valToPos(mark.iteration, 'x');
      if (x < -1 || x > u.over.clientWidth + 1) continue;
      const last = found.at(-1);
      if (last && x - last.start < NEAR) last.marks.push({mark, x});
      else found.push({start: x, marks: [{mark, x}]});
    }
    return found;
  }

  function tipLines(marks) {
    const lines = [];
    for (const {mark} of marks.slice(0, LINES)) {
      lines.push({strong: true, text: mark.what.join(', ')});
      const who = mark.who ? `by ${mark.who}, ` : '';
      lines.push({faint: true, text: `${who}at iteration ${count(mark.iteration)}, ${moment(mark.time)}`});
    }
    if (marks.length > LINES) lines.push({faint: true, text: `and ${marks.length - LINES} more: zoom in`});
    return lines;
  }

  function makePin() {
    const pin = h('button.pin', {
      type: 'button',
      tabindex: focusable && pins.length === 0 ? 0 : -1,
      onmouseenter: () => showTip(pin, tipLines(pin.marks)),
      onmouseleave: hideTip,
      onfocus: () => showTip(pin, tipLines(pin.marks)),
      onblur: hideTip,
      onmousedown: (event) => event.stopPropagation(),
      onkeydown: (event) => move(event, pin),
    });
    layer.append(pin);
    return pin;
  }

  // The pins are one stop of the Tab key; the arrows go from pin to pin.
  function move(event, pin) {
    if (event.key === 'Escape') hideTip();
    const step = {ArrowLeft: -1, ArrowRight: 1}[event.key];
    if (!step) return;
    event.preventDefault();
    event.stopPropagation();
    const next = pins[pins.indexOf(pin) + step];
    if (next && !next.hidden) next.focus();
  }

  function drawLine(u, x, kind) {
    const {ctx, bbox} = u;
    const at = Math.round(bbox.left + x * devicePixelRatio) + 0.5;
    ctx.strokeStyle = colour(kind);
    ctx.beginPath();
    ctx.moveTo(at, bbox.top);
    ctx.lineTo(at, bbox.top + bbox.height);
    ctx.stroke();
  }

  return {
    hooks: {
      ready: (u) => u.over.append((layer = h('div.pins'))),
      // The marks lie below the curves.
      drawAxes(u) {
        const {ctx} = u;
        ctx.save();
        ctx.lineWidth = devicePixelRatio;
        ctx.setLineDash([3 * devicePixelRatio, 3 * devicePixelRatio]);
        ctx.globalAlpha = 0.55;
        for (const {marks} of clusters(u)) for (const {x, mark} of marks) drawLine(u, x, mark.kind);
        ctx.restore();
      },
      draw(u) {
        if (!layer) return;
        const shown = clusters(u);
        while (pins.length < shown.length) pins.push(makePin());
        pins.forEach((pin, i) => {
          const cluster = shown[i];
          if (pin.hidden !== !cluster) pin.hidden = !cluster;
          if (!cluster) return;
          pin.marks = cluster.marks;
          const {length} = cluster.marks;
          const middle = (cluster.marks[0].x + cluster.marks[length - 1].x) / 2;
          pin.style.left = `${middle}px`;
          pin.classList.toggle('attempt', cluster.marks.every(({mark}) => mark.kind === 'attempt'));
          const text = length > 1 ? String(length) : '';
          if (pin.textContent !== text) pin.textContent = text;
          const label = tipLines(cluster.marks).map((line) => line.text).join('; ');
          if (pin.ariaLabel !== label) pin.ariaLabel = label;
        });
      },
    },
  };
}
