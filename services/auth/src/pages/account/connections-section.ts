import type { Connection } from '@inferry/contracts';
import { displayText, type Html, html } from '@inferry/pages';
import type { AccountView } from './account-view.ts';
import { buttonForm, notRead, section } from './section.ts';
import { ago, money } from './words.ts';

/** The providers that runs can use, and whose key pays. */
export function connectionsSection(view: AccountView): Html {
  const { connections } = view;
  const list =
    connections === undefined
      ? notRead
      : connections.length === 0
        ? html`<p class="empty">${view.providers.length === 0 ? 'No provider here takes a key of yours.' : 'No provider yet. Add a key, or use the models that need none.'}</p>`
        : html`<ul class="rows">${connections.map((one) => row(view, one))}</ul>`;
  return section({
    id: 'providers',
    title: 'Providers',
    text: 'Their keys are stored encrypted and are never shown to a client.',
    body: html`${list}${view.providers.length > 0 && addForm(view)}`,
  });
}

const states: Record<Connection['state'], { text: string; mark: string }> = {
  ok: { text: 'works', mark: 'good' },
  rejected: { text: 'refused', mark: 'bad' },
  unknown: { text: 'not checked', mark: 'plain' },
};

function row(view: AccountView, connection: Connection): Html {
  const { connection_id: id, provider, state, owner } = connection;
  const title = titleOf(view, provider);
  const { text, mark } = states[state];
  const isOwn = owner === 'user';
  const base = `/account/connections/${encodeURIComponent(id)}`;
  return html`<li><div class="row"><div>
<h3>${title} <span class="mark ${mark}">${text}</span></h3>
<p class="small muted">${facts(view, connection).join(' · ')}</p></div>
${
  isOwn &&
  html`<div class="actions">
${buttonForm({ action: `${base}/test`, csrf: view.csrf, text: 'Test', about: `the key of ${title}` })}
${buttonForm({ action: `${base}/remove`, csrf: view.csrf, text: 'Remove', about: `the key of ${title}`, isBad: true })}
</div>`
}</div>
${isOwn && replaceForm(view, { base, id, title, isDead: state === 'rejected' })}</li>`;
}

function facts({ now }: AccountView, connection: Connection): string[] {
  const { owner, account, label, balance, checked_at: checkedAt, base_url: baseUrl } = connection;
  const whose = { user: label, team: 'Your team’s key', deployment: 'This server’s key' }[owner];
  return [
    displayText(account ?? whose),
    ...(baseUrl === undefined ? [] : [displayText(baseUrl)]),
    ...(balance === undefined ? [] : [`${money(balance.amount, balance.currency)} left`]),
    ...(checkedAt === undefined ? [] : [`checked ${ago(Date.parse(checkedAt), now)}`]),
  ];
}

function titleOf({ providers }: AccountView, slug: string): string {
  return providers.find((one) => one.slug === slug)?.title ?? slug;
}

/** Open where it is needed: a dead key stops every run. */
function replaceForm(
  { csrf }: AccountView,
  { base, id, title, isDead }: { base: string; id: string; title: string; isDead: boolean },
): Html {
  const field = `key-${id}`;
  return html`<details class="below"${isDead && html` open`}><summary class="link">Replace the key</summary>
<form method="post" action="${base}/replace" class="inline-form"><input type="hidden" name="csrf" value="${csrf}">
<div class="field"><label for="${field}">New ${title} key</label>${keyInput(field)}</div>
<button class="button">Replace</button></form></details>`;
}

function addForm({ providers, csrf, connections }: AccountView): Html {
  const options = providers.map(({ slug, title }) => html`<option value="${slug}">${title}</option>`);
  return html`<details class="panel below"${connections?.length === 0 && html` open`}>
<summary class="button slim">Add a key</summary>
<form method="post" action="/account/connections" class="inline-form"><input type="hidden" name="csrf" value="${csrf}">
<div class="field"><label for="provider">Provider</label><select id="provider" name="provider">${options}</select></div>
<div class="field"><label for="new-provider-key">API key</label>${keyInput('new-provider-key')}</div>
<button class="button main">Add</button></form></details>`;
}

function keyInput(id: string): Html {
  return html`<input id="${id}" name="key" class="code" autocomplete="off" autocapitalize="none" autocorrect="off"
spellcheck="false" data-1p-ignore data-lpignore="true" data-bwignore required maxlength="4096">`;
}
