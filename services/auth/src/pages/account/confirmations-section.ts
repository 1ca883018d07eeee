import { displayText, type Html, html } from '@inferry/pages';
import type { AccountView, CostToConfirm } from './account-view.ts';
import { buttonForm, section } from './section.ts';
import { ago } from './words.ts';

/** Runs that wait for a yes because of what they cost; nothing where none does. */
export function confirmationsSection({ confirmations, csrf, now }: AccountView): Html | undefined {
  if (confirmations === undefined || confirmations.length === 0) return undefined;
  return section({
    id: 'confirmations',
    title: 'Waiting for your yes',
    text: 'A client wants to run something that costs more than is run without asking you. A yes is good for one run.',
    body: html`<ul class="rows">${confirmations.map((asked) => item(asked, { csrf, now }))}</ul>`,
  });
}

function item(
  { id, model, price, client, askedAt }: CostToConfirm,
  { csrf, now }: { csrf: string; now: number },
): Html {
  const about = `${model} for ${price}`;
  const by = client === '' ? '' : `, by ${displayText(client, 100)}`;
  const action = `/account/confirmations/${id}`;
  return html`<li class="row"><div><h3>${displayText(model, 200)} for ${price}</h3>
<p class="small muted">Asked ${ago(askedAt, now)}${by}</p></div>
<div class="actions">${buttonForm({ action: `${action}/accept`, csrf, text: 'Run it', about })}
${buttonForm({ action: `${action}/decline`, csrf, text: 'No', about, isBad: true })}</div></li>`;
}
