// Calls the server's HTTP interface, /v1.

import {session} from './session.js';
import {remembered} from './settings.js';

// The server answered, and refused: `message` is its sentence.
export class Refusal extends Error {
  constructor(code, status, message) {
    super(message);
    this.code = code;
    this.status = status;
  }
}

// The server did not answer.
export class Unreachable extends Error {}

export async function call(path, {timeout = 10000, signal, ...options} = {}) {
  const signals = [signal, timeout && AbortSignal.timeout(timeout)].filter(Boolean);
  let response;
  try {
    response = await fetch(path, {
      cache: 'no-store', signal: AbortSignal.any(signals), ...options,
      headers: {...session.headers, ...options.headers},
    });
    if (response.ok) return options.stream ? response : await response.json();
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new Unreachable(
      error.name === 'TimeoutError' ? `no answer within ${timeout / 1000} s` : 'the server does not answer');
  }
  const body = await response.json().catch(() => ({}));
  const {status = '', message = `the server answered ${response.status} ${response.statusText}`} = body.error ?? {};
  if (response.status === 401) session.refused(message);
  throw new Refusal(response.status, status, message);
}

// Gives who the server takes us for: {principal, role, auth}.
export const whoAmI = () => call('/v1/whoami');

// Opens a session, by a code of `descent open` or by a token.
export async function openSession({code, token}) {
  const {session: secret} = await call('/v1/session', {
    method: 'POST',
    headers: {'Content-Type': 'application/json', ...(token && {Authorization: `Bearer ${token}`})},
    body: JSON.stringify(code ? {code} : {}),
  });
  session.secret = secret;
}

// Ends it, here in any case.
export async function closeSession() {
  const ended = call('/v1/session', {method: 'DELETE', stream: true});
  session.secret = '';
  await ended.catch(() => {});
}

export const listJobs = (pageToken, options) =>
  call('/v1/jobs?page_size=50' + (pageToken ? `&page_token=${encodeURIComponent(pageToken)}` : ''), options);

const path = (job) => '/v1/jobs/' + encodeURIComponent(job.replace(/^jobs\//, ''));

export const getJob = (job, options) => call(path(job), options);

// The answer's body is a stream of server-sent events.
export function watchJob(job, {after, every, kinds}, options) {
  const query = new URLSearchParams({after_revision: after});
  // A thinned history is as wide as the whole: the least and the greatest of what is left out come.
  if (every > 1) query.set('every', every);
  if (every > 1) query.set('extremes', true);
  if (kinds?.length) query.set('kinds', kinds.join(','));
  return call(`${path(job)}:watch?${query}`, {timeout: 0, stream: true, ...options});
}

// The journal names whoever asks as people call themselves here, in the letters that a header can
// hold. It is no proof of anything.
const principal = () =>
  remembered('name', '').normalize('NFKD').replace(/[^ -~]/g, '').trim().slice(0, 64) || 'dashboard';

export const commandJob = (job, body, options) =>
  call(path(job) + ':command', {
    method: 'POST',
    headers: {'Content-Type': 'application/json', 'X-Descent-Principal': principal()},
    body: JSON.stringify(body),
    timeout: 150000,  // the server answers within 120 s, be it that it still waits
    ...options,
  });
