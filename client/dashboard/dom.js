// Makes elements by code. Text only ever goes in as text, so nothing that a job is called can be
// markup.

// Makes an element: h('a.name', {href: '#'}, 'text', node…). Properties starting with `on` are
// listeners.
export function h(selector, properties = {}, ...children) {
  const [tag, ...classes] = selector.split('.');
  const element = document.createElement(tag || 'div');
  if (classes.length) element.className = classes.join(' ');
  for (const [key, value] of Object.entries(properties)) {
    if (key.startsWith('on')) element.addEventListener(key.slice(2), value);
    else if (value === true) element.setAttribute(key, '');
    else if (value !== false && value != null) element.setAttribute(key, value);
  }
  element.append(...children.flat().filter((child) => child != null));
  return element;
}

// Touches the document only when the text changes.
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

export function setHidden(element, hidden) {
  if (element.hidden !== hidden) element.hidden = hidden;
}

// `list` shows `items`, one element each, kept by key: `make(item)` returns {element, update(item)}.
export class KeyedList {
  constructor(list, key, make) {
    this.list = list;
    this.key = key;
    this.make = make;
    this.shown = new Map();
  }

  update(items) {
    const gone = new Map(this.shown);
    let place = this.list.firstElementChild;
    for (const item of items) {
      const key = this.key(item);
      let row = this.shown.get(key);
      if (!row) this.shown.set(key, (row = this.make(item)));
      gone.delete(key);
      row.update?.(item);
      if (row.element === place) place = place.nextElementSibling;
      else this.list.insertBefore(row.element, place);
    }
    for (const [key, row] of gone) {
      row.element.remove();
      this.shown.delete(key);
    }
  }
}
