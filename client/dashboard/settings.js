// Keeps small preferences in the browser; without storage they hold for the page's life.

const kept = new Map();

export function remembered(key, otherwise) {
  if (kept.has(key)) return kept.get(key);
  try {
    const text = localStorage.getItem(`descent ${key}`);
    return text == null ? otherwise : JSON.parse(text);
  } catch {
    return otherwise;
  }
}

export function remember(key, value) {
  kept.set(key, value);
  try {
    localStorage.setItem(`descent ${key}`, JSON.stringify(value));
  } catch {
    // Private windows may refuse to store.
  }
}
