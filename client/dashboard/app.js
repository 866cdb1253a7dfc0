// The dashboard is one page, with the addresses #/jobs and #/jobs/{job}.

import {closeSession, openSession, whoAmI} from './api.js';
import {connection} from './connection.js';
import {h} from './dom.js';
import {moment} from './format.js';
import {JobPage} from './job_page.js';
import {JobsPage} from './jobs_page.js';
import {session, takeCode} from './session.js';
import {remember, remembered} from './settings.js';
import {askForToken} from './sign_in.js';
import {hideTip} from './tip.js';

const main = document.getElementById('main');
const banner = document.getElementById('banner');
const link = document.getElementById('link');
const who = document.getElementById('who');
let page = null;
let asking = false;  // for a token, in place of a page

function leave() {
  page?.stop();
  page = null;
  hideTip();
}

function show() {
  leave();
  asking = false;
  const match = location.hash.match(/^#\/(jobs\/[^/]+)$/);
  page = match ? new JobPage(main, decodeURIComponent(match[1])) : new JobsPage(main);
  scrollTo(0, 0);
}

// Shows what the address says; first it signs in, if the address has a code for it.
async function enter() {
  const code = takeCode();
  if (code) {
    try {
      await openSession({code});
    } catch (error) {
      return signIn(error.message);
    }
  }
  show();
  return showWho();
}

function signIn(why) {
  leave();
  asking = true;
  who.hidden = true;
  askForToken(main, why, enter);
}

// What the server says of us; one that says nothing (an older one) leaves the line out.
async function showWho() {
  const {principal, role, auth} = await whoAmI().catch(() => ({}));
  who.hidden = asking || !principal;
  if (auth === 'none') {
    who.replaceChildren(
      'descentd asks nobody who he is (--auth none): whoever reaches this address may do anything.');
  } else if (principal) {
    const out = h('button', {type: 'button', onclick: () => closeSession().then(() => signIn())}, 'Sign out');
    who.replaceChildren(`Signed in as ${principal} (${role.toLowerCase()}). `, session.secret ? out : '');
  }
}

// What is on the page stays, greyed: it is old, and the page says so.
function showConnection() {
  const {lost, heard} = connection;
  document.body.classList.toggle('lost', lost);
  banner.hidden = !lost;
  link.className = `link ${lost ? 'off' : heard ? 'on' : ''}`;
  link.textContent = lost ? 'Disconnected' : heard ? 'Connected' : 'Connecting…';
  if (!lost) return banner.replaceChildren();
  const since = connection.lastHeard
    ? ` What you see is as of ${moment(connection.lastHeard)}.`
    : '';
  return banner.replaceChildren(
    h('span', {}, h('strong', {}, 'Connection lost'), `: ${connection.reason}.${since} Trying again…`),
    h('button', {type: 'button', onclick: () => connection.retry()}, 'Try now'));
}

const me = document.getElementById('me');
me.value = remembered('name', '');
me.addEventListener('change', () => remember('name', me.value.trim()));

connection.addEventListener('change', showConnection);
session.addEventListener('refused', ({detail}) => asking || signIn(session.secret ? detail : null));
addEventListener('hashchange', () => {
  enter();
  main.focus({preventScroll: true});
});
showConnection();
enter();
