// The dashboard is one page, with the addresses #/jobs and #/jobs/{job}.

import {connection} from './connection.js';
import {h} from './dom.js';
import {moment} from './format.js';
import {JobPage} from './job_page.js';
import {JobsPage} from './jobs_page.js';
import {remember, remembered} from './settings.js';
import {hideTip} from './tip.js';

const main = document.getElementById('main');
const banner = document.getElementById('banner');
const link = document.getElementById('link');
let page = null;

function show() {
  page?.stop();
  hideTip();
  const match = location.hash.match(/^#\/(jobs\/[^/]+)$/);
  page = match ? new JobPage(main, decodeURIComponent(match[1])) : new JobsPage(main);
  scrollTo(0, 0);
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
addEventListener('hashchange', () => {
  show();
  main.focus({preventScroll: true});
});
showConnection();
show();
