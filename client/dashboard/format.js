// Writes numbers, times and names for people.

const thousands = new Intl.NumberFormat('en-US', {maximumFractionDigits: 0});

// Reads protobuf's JSON: 64-bit integers are strings, defaults are left out, NaN is "NaN".
export const toNumber = (value, absent = 0) => (value == null ? absent : Number(value));

export const count = (n) => (Number.isFinite(n) ? thousands.format(n) : '–');

// Makes 19,200 "19.2k".
export function short(n) {
  if (!Number.isFinite(n)) return '–';
  const magnitude = Math.abs(n);
  if (magnitude >= 1e9) return trim((n / 1e9).toPrecision(3)) + 'G';
  if (magnitude >= 1e6) return trim((n / 1e6).toPrecision(3)) + 'M';
  if (magnitude >= 1e4) return trim((n / 1e3).toPrecision(3)) + 'k';
  if (magnitude >= 100) return thousands.format(n);
  return trim(n.toPrecision(2));
}

// Writes a double with as many digits, in a steady width, so that live values don't dance.
export function value(x, digits = 4) {
  if (x == null) return '–';
  if (Number.isNaN(x)) return 'NaN';
  if (!Number.isFinite(x)) return x > 0 ? '∞' : '−∞';
  if (x === 0) return '0';
  const magnitude = Math.abs(x);
  const text = magnitude >= 1e-3 && magnitude < 1e5
    ? x.toPrecision(digits)
    : x.toExponential(digits - 1);
  return text.replace('e+', 'e').replaceAll('-', '−').replace('e−', 'e-');
}

// Writes the shortest text of a double to so many digits: 0.001, 9.72e-4.
export function brief(x, digits = 4) {
  if (x == null || !Number.isFinite(x) || x === 0) return value(x);
  return trim(value(x, digits));
}

// Writes a number so that it can be typed in again.
export const typed = (x) => (x === 0 ? '0' : trim(value(x, 6)).replace('−', '-'));

const trim = (text) => text.replace(/(\.\d*?)0+(?=e|$)/, '$1').replace(/\.(?=e|$)/, '');

export const percent = (fraction) => `${(100 * fraction).toFixed(2)} %`;

// Gives how many classes a confusion matrix has; 0 means that the metric is a number. Large ones
// come as `size`, with their entries apart.
export const matrixSize = ({values = [], size}) => toNumber(size) || Math.round(Math.sqrt(values.length));

export function metric(given) {
  const {name, value: x} = given;
  const rows = matrixSize(given);
  if (rows) return `${rows} × ${rows}`;
  const number = toNumber(x);
  return name === 'accuracy' || name.startsWith('top_') ? percent(number) : value(number);
}

export function duration(seconds) {
  if (!Number.isFinite(seconds)) return '–';
  const s = Math.max(0, Math.round(seconds));
  if (s < 60) return `${s} s`;
  if (s < 3600) return `${Math.floor(s / 60)} min ${s % 60} s`;
  if (s < 86400) return `${Math.floor(s / 3600)} h ${Math.floor(s / 60) % 60} min`;
  return `${Math.floor(s / 86400)} d ${Math.floor(s / 3600) % 24} h`;
}

// Writes a number of bytes in powers of 1000, as the command line does.
export function size(bytes) {
  const units = ['bytes', 'kB', 'MB', 'GB', 'TB', 'PB', 'EB'];
  let unit = 0;
  for (; bytes >= 1000 && unit + 1 < units.length; ++unit) bytes /= 1000;
  return `${bytes.toFixed(unit ? 1 : 0)} ${units[unit]}`;
}

// Says what the kernel holds a job's worker to (descent.v1.Confinement).
export function confinement({memory_limit_bytes: limit, no_new_privileges: privileges, filesystem}) {
  return [
    toNumber(limit) > 0 && `at most ${size(toNumber(limit))} of memory`,
    privileges && 'no new privileges',
    filesystem && 'its own files and the data roots',
  ].filter(Boolean).join(', ') || 'nothing';
}

// Gives the milliseconds since 1970 of a fixed64 of nanoseconds.
export const toMillis = (nanos) => toNumber(nanos) / 1e6;

const clockTime = (millis) =>
  new Date(millis).toLocaleTimeString('en-GB', {hour: '2-digit', minute: '2-digit', second: '2-digit'});

// Writes the time of a day; of another day with its date, of another year with that too.
export function moment(millis) {
  if (!millis) return '–';
  const date = new Date(millis);
  const now = new Date();
  if (date.toDateString() === now.toDateString()) return clockTime(millis);
  const year = date.getFullYear() === now.getFullYear() ? {} : {year: 'numeric'};
  return date.toLocaleString('en-GB', {day: 'numeric', month: 'short', ...year, hour: '2-digit', minute: '2-digit'});
}

export const shortName = (job) => job.replace(/^jobs\//, '');

export const lastPart = (path) => path.slice(path.lastIndexOf('.') + 1);

// Says whose a dial or series is: of `generator.optimizer.groups.bias.step_size` the player
// `generator` and the scope `groups.bias`; of the optimizer's own no scope, and of a run of one
// model no player.
export function ownerOf(path) {
  const parts = path.split('.').slice(0, -1);
  const player = ['optimizer', 'objective'].includes(parts[0]) ? '' : parts.shift() ?? '';
  return {player, scope: parts.length > 2 || parts[0] === 'objective' ? parts.slice(1).join('.') : ''};
}

// Writes a dial's name as short as it says which: `step_size`, `groups.bias.step_size`, of a system
// `generator.step_size`.
export function dialName(path) {
  const {player, scope} = ownerOf(path);
  return [player, scope, lastPart(path)].filter(Boolean).join('.');
}

export const FINAL_STATES = new Set(['SUCCEEDED', 'STOPPED', 'FAILED']);

export const stateName = (state) => {
  const name = (state ?? 'unknown').replace('JOB_STATE_UNSPECIFIED', 'unknown');
  return name[0].toUpperCase() + name.slice(1).toLowerCase();
};
