import { displayText, type Html, html } from '@inferry/pages';
import type { AccountView, ConnectedClient } from './account-view.ts';
import { buttonForm, notRead, section } from './section.ts';
import { ago, day, meaningOf } from './words.ts';

/** Who may use the account, and the way to end it. */
export function clientsSection(view: AccountView): Html {
  const { clients } = view;
  const body =
    clients === undefined
      ? notRead
      : clients.length === 0
        ? html`<p class="empty">No client is connected. Add this server in one, and it will ask you here.</p>`
        : html`<ul class="rows">${clients.map((client) => row(view, client))}</ul>`;
  return section({
    id: 'clients',
    title: 'Connected clients',
    text: 'Disconnecting one ends its access at once; its runs go on.',
    body,
  });
}

function row({ csrf, now }: AccountView, client: ConnectedClient): Html {
  const name = displayText(client.name) || 'A client without a name';
  const mark =
    client.verifiedHost === undefined
      ? html`<span class="mark plain">unverified</span>`
      : html`<span class="mark good">${displayText(client.verifiedHost, 253)}</span>`;
  const used = client.lastUsedAt === undefined ? '' : ` · last used ${ago(client.lastUsedAt, now)}`;
  return html`<li class="row"><div><h3>${name} ${mark}</h3>
<p class="small">${meaningOf(client.scopes)}</p>
<p class="small muted">Connected on ${day(client.createdAt)}${used}</p></div>
<div class="actions">${buttonForm({
    action: `/account/clients/${encodeURIComponent(client.grantId)}/revoke`,
    csrf,
    text: 'Disconnect',
    about: name,
    isBad: true,
  })}</div></li>`;
}
