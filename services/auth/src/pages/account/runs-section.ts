import { type BrowsedRun, isTerminal, type Run } from '@inferry/contracts';
import { type Html, html } from '@inferry/pages';
import { budgetBars } from '../console/charts.ts';
import { livePart } from '../console/frame.ts';
import { runList } from '../console/runs-page.ts';
import type { AccountView, Usage } from './account-view.ts';
import { notRead, section } from './section.ts';
import { day, number, spentWords } from './words.ts';

/** What goes on, what came out lately, and what it cost. */
export function runsSection({ usage, runs: latest, open, now }: AccountView): Html {
  const runs = latest && [...foremost(open), ...latest.filter((run) => !isAmong(open, run))];
  const isLive = runs?.some(({ status }) => !isTerminal(status)) ?? false;
  const list =
    runs === undefined
      ? notRead
      : runs.length === 0
        ? html`<p class="empty">Nothing was run yet.</p>`
        : html`${runList(runs, now)}<p class="after-list small"><a href="/account/runs">All runs</a></p>`;
  const going = open && `${number(open.runs.length)}${open.isMore ? ' or more' : ''}`;
  return section({
    id: 'runs',
    title: 'Runs',
    text: 'The latest, with what came of each and what it cost.',
    body: livePart('latest', isLive, html`${usage !== undefined && tiles(usage, going)}${list}`),
  });
}

type Open = AccountView['open'];
const mostForemost = 5;

/** What goes on is first, also when it began before many others. */
function foremost(open: Open): BrowsedRun[] {
  return open?.runs.slice(0, mostForemost) ?? [];
}

function isAmong(open: Open, { run_id: id }: Run): boolean {
  return foremost(open).some((run) => run.run_id === id);
}

function tiles({ runs, today, since, ...month }: Usage, going: string | undefined): Html {
  return html`<dl class="tiles">
<div class="tile"><dt>Under way</dt><dd>${going ?? 'unknown'}</dd></div>
<div class="tile"><dt>Spent today</dt><dd>${spentWords({ ...today, currency: month.currency })}</dd></div>
<div class="tile"><dt>Spent since ${day(Date.parse(since))}</dt><dd>${spentWords(month)}</dd></div>
<div class="tile"><dt>Runs since then</dt><dd>${number(runs)}</dd></div>
</dl>`;
}

/** Nothing where no budget is set. */
export function budgetsSection({ budgets, now }: AccountView): Html | undefined {
  if (budgets === undefined || budgets.length === 0) return undefined;
  return section({
    id: 'budgets',
    title: 'Budgets',
    text: 'What your runs may cost. A run that would go beyond is refused before anything is charged.',
    body: budgetBars(budgets, now),
  });
}
