import type { Run } from '@inferry/contracts';
import { displayText, type Html, html } from '@inferry/pages';
import type { AccountView, Usage } from './account-view.ts';
import { notRead, section } from './section.ts';
import { ago, day, money, number } from './words.ts';

/** What was run, and what it cost. */
export function runsSection(view: AccountView): Html {
  const { usage, runs, now } = view;
  const list =
    runs === undefined
      ? notRead
      : runs.length === 0
        ? html`<p class="empty">Nothing was run yet.</p>`
        : table(runs, now);
  return section({
    id: 'runs',
    title: 'Runs',
    text: 'The latest, with what each cost. Clients list all of them.',
    body: html`${usage !== undefined && tiles(usage)}${list}`,
  });
}

function tiles({ runs, charged, currency, since }: Usage): Html {
  return html`<dl class="tiles">
<div class="tile"><dt>Spent since ${day(Date.parse(since))}</dt><dd>${money(charged, currency)}</dd></div>
<div class="tile"><dt>Runs since then</dt><dd>${number(runs)}</dd></div>
</dl>`;
}

function table(runs: readonly Run[], now: number): Html {
  return html`<table><thead><tr><th scope="col">Model</th><th scope="col">When</th><th scope="col">Status</th>
<th scope="col" class="number">Cost</th></tr></thead><tbody>${runs.map((run) => row(run, now))}</tbody></table>`;
}

const marks: Record<Run['status'], string> = {
  queued: 'plain',
  running: 'plain',
  succeeded: 'good',
  failed: 'bad',
  cancelled: 'plain',
  expired: 'warn',
};

function row({ model, status, created_at: createdAt, cost }: Run, now: number): Html {
  return html`<tr><td>${displayText(model ?? 'A model', 200)}</td>
<td class="muted">${createdAt === undefined ? '' : ago(Date.parse(createdAt), now)}</td>
<td><span class="mark ${marks[status]}">${status}</span></td>
<td class="number">${costOf(cost)}</td></tr>`;
}

function costOf(cost: Run['cost']): string {
  if (cost?.charged !== undefined) return money(cost.charged, cost.currency ?? 'USD');
  if (cost?.reserved !== undefined && cost.reserved > 0)
    return `≤ ${money(cost.reserved, cost.currency ?? 'USD')}`;
  return '–';
}
