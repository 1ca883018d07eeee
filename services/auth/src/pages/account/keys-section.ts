import { displayText, type Html, html } from '@inferry/pages';
import type { AccountView, ShownKey } from './account-view.ts';
import { buttonForm, notRead, section } from './section.ts';
import { ago, day, meaningOf } from './words.ts';

const lives = [
  ['30', '30 days'],
  ['90', '90 days'],
  ['365', '1 year'],
  ['', 'No end'],
] as const;

/** Keys for programs that cannot open a browser. */
export function keysSection(view: AccountView): Html {
  const { keys } = view;
  const list =
    keys === undefined
      ? notRead
      : keys.length === 0
        ? html`<p class="empty">No API key. You need one only where no browser can be opened.</p>`
        : html`<ul class="rows">${keys.map((key) => row(view, key))}</ul>`;
  return section({
    id: 'keys',
    title: 'API keys',
    text: 'For scripts and servers. A key opens everything of your account that its rights allow.',
    body: html`${list}${createForm(view)}`,
  });
}

function row({ csrf, now }: AccountView, key: ShownKey): Html {
  const used = key.lastUsedAt === undefined ? 'never used' : `last used ${ago(key.lastUsedAt, now)}`;
  const end = key.expiresAt === undefined ? 'no end' : `ends ${day(key.expiresAt)}`;
  return html`<li class="row"><div><h3>${displayText(key.name)}</h3>
<p class="small">${meaningOf(key.scopes)}</p>
<p class="small muted">Made on ${day(key.createdAt)} · ${used} · ${end}</p></div>
<div class="actions">${buttonForm({
    action: `/account/keys/${encodeURIComponent(key.keyId)}/revoke`,
    csrf,
    text: 'Revoke',
    about: `the key ${displayText(key.name)}`,
    isBad: true,
  })}</div></li>`;
}

function createForm({ csrf }: AccountView): Html {
  const options = lives.map(
    ([value, text]) => html`<option value="${value}"${value === '90' && html` selected`}>${text}</option>`,
  );
  return html`<details class="panel below"><summary class="button slim">Create a key</summary>
<form method="post" action="/account/keys" class="inline-form"><input type="hidden" name="csrf" value="${csrf}">
<div class="field"><label for="key-name">Name</label>
<input id="key-name" name="name" required maxlength="100" autocomplete="off"></div>
<div class="field"><label for="key-days">Ends after</label><select id="key-days" name="days">${options}</select></div>
<div class="field"><label for="key-rights">Rights</label><select id="key-rights" name="rights">
<option value="all">Everything</option><option value="read">Look only, spend nothing</option></select></div>
<button class="button main">Create</button></form></details>`;
}
