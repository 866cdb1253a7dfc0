// Asks for a token, where the server lets nobody in without.

import {openSession} from './api.js';
import {h, setText} from './dom.js';

// Shows the form in `main`, with the sentence why; `onSignedIn()` once the server has taken a token.
export function askForToken(main, why, onSignedIn) {
  const token = h('input', {
    type: 'password', name: 'token', 'aria-label': 'Token', placeholder: 'descent_…',
    autocomplete: 'current-password', spellcheck: 'false', required: true,
  });
  const answer = h('p.answer.bad', {role: 'alert'}, why ?? '');
  const submit = async (event) => {
    event.preventDefault();
    try {
      await openSession({token: token.value.trim()});
    } catch (error) {
      setText(answer, error.message);
      return;
    }
    onSignedIn();
  };
  main.replaceChildren(
    h('section.empty.sign-in', {'aria-label': 'Sign in'},
      h('h1', {}, 'Sign in'),
      h('p', {}, 'On the machine of descentd, ', h('code', {}, 'descent open'),
        ' opens this page signed in. Elsewhere, paste a token; whoever runs descentd makes one by ',
        h('code', {}, 'descent token create'), '.'),
      h('form', {onsubmit: submit}, token, h('button.primary', {type: 'submit'}, 'Sign in')),
      answer));
  token.focus();
}
