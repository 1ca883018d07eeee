/** What operators see of the whole deployment, and what they can set right from a browser. */
import type { ProviderState, readOperation } from '@inferry/contracts';
import { type Branding, displayText, type Html, html } from '@inferry/pages';
import { sayCommands } from '@inferry/runtime';
import type { z } from 'zod';
import type { Notice } from '../account/account-view.ts';
import { buttonForm, notRead } from '../account/section.ts';
import { ago, moment, number, spentWords, took } from '../account/words.ts';
import type { PageParts } from '../layout.ts';
import { figure, shareBar } from './charts.ts';
import { consolePage, type Viewer } from './frame.ts';

type Operation = z.infer<typeof readOperation.output>;
type Platform = NonNullable<Operation['platforms']>[number];
type Webhook = NonNullable<Operation['webhooks']>[number];
type LimitUse = NonNullable<Operation['limit_uses']>[number];
type Rule = NonNullable<Operation['limits']>[number];

export interface OperatorView extends Viewer {
  /** Undefined: could not be read. */
  platforms: Operation['platforms'];
  providers: readonly ProviderState[] | undefined;
  /** How many runs may be under way, sent and open, and what is used of that. */
  limits: Operation['limits'];
  limitUses: Operation['limit_uses'];
  areLimitsCut: boolean;
  spend: Operation['spend'];
  isSpendCut: boolean;
  webhooks: Operation['webhooks'];
  areWebhooksCut: boolean;
  isFailedOnly: boolean;
  notice?: Notice | undefined;
}

export function operatorPage(branding: Branding, view: OperatorView): PageParts {
  return consolePage(branding, view, {
    title: 'Operator',
    tab: 'operator',
    notice: view.notice,
    body: html`${part('platforms', 'Platforms', html`${platforms(view)}<p class="after-list small"><a href="">Look again</a></p>`)}
${part('limits', 'Limits of runs', limits(view))}
${part('tenants', 'Spent in 30 days, by tenant', tenants(view))}
${part('webhooks', 'Webhooks', webhooks(view))}`,
  });
}

function part(id: string, title: string, body: Html): Html {
  return html`<section class="part" aria-labelledby="${id}"><h2 id="${id}">${title}</h2>${body}</section>`;
}

function platforms(view: OperatorView): Html {
  if (view.platforms === undefined) return notRead;
  if (view.platforms.length === 0) return html`<p class="empty">No platform is connected.</p>`;
  return html`<ul class="rows">${view.platforms.map((platform) => platformRow(view, platform))}</ul>`;
}

function platformRow({ providers, csrf, now }: OperatorView, platform: Platform): Html {
  const { provider, open, pause } = platform;
  const known = providers?.find(({ slug }) => slug === provider);
  const [state, mark] = stateOf(platform, known);
  const running = Object.entries(open).map(([phase, count]) => `${number(count)} ${phase}`);
  const facts = [
    running.length === 0 ? 'nothing under way' : running.join(', '),
    lateWords(platform),
    known === undefined ? undefined : `${number(known.models)} models`,
    known?.checked_at === undefined ? undefined : `list read ${ago(Date.parse(known.checked_at), now)}`,
  ].filter((fact) => fact !== undefined);
  const base = `/account/operator/providers/${encodeURIComponent(provider)}`;
  const about = known?.title ?? provider;
  return html`<li><div class="row"><div><h3>${displayText(known?.title ?? provider)} <span class="mark ${mark}">${state}</span></h3>
<p class="small muted">${facts.join(' · ')}</p>
${pause !== undefined && html`<p class="small">${pause.mode === 'pause' ? 'Is sent nothing: runs wait' : 'Takes no new runs'} since ${moment(Date.parse(pause.at))}${pause.reason !== '' && `: ${displayText(pause.reason, 300)}`}</p>`}</div>
${
  pause !== undefined &&
  html`<div class="actions">${buttonForm({ csrf, about, action: `${base}/resume`, text: 'Resume' })}</div>`
}${pause === undefined && stopForm({ csrf, about, base, provider })}</div></li>`;
}

/** Closed until it is wanted: runs of everybody wait for it. */
function stopForm({
  csrf,
  about,
  base,
  provider,
}: Record<'csrf' | 'about' | 'base' | 'provider', string>): Html {
  const field = `reason-${provider}`;
  return html`<details class="stop"><summary class="button slim">Pause or drain<span class="unseen"> ${about}</span></summary>
<form method="post" action="${base}/stop"><input type="hidden" name="csrf" value="${csrf}">
<div class="field"><label for="${field}">Why, for the audit trail</label><input id="${field}" name="reason" maxlength="500"></div>
<button class="button slim" name="mode" value="pause">Pause: runs wait</button>
<button class="button slim" name="mode" value="drain">Drain: no new runs</button></form></details>`;
}

function stateOf(
  { pause, late_seconds: late }: Platform,
  known: ProviderState | undefined,
): [string, string] {
  if (pause !== undefined) return [pause.mode === 'pause' ? 'paused' : 'draining', 'warn'];
  if (late > 30) return ['late', 'bad'];
  if (known === undefined) return ['not known', 'plain'];
  if (known.stale) return ['list is old', 'warn'];
  return known.ready ? ['ready', 'good'] : ['no key', 'plain'];
}

/** What is done on the deployment's own machine. */
function adminCommand(verb: string): Html {
  return html`<code>${sayCommands(`npm run admin -- ${verb}`)}</code>`;
}

function lateWords({ late_runs: runs, late_seconds: seconds }: Platform): string {
  if (runs === 0) return 'nothing late';
  return `${number(runs)} late, the first by ${took(seconds * 1_000)}`;
}

function limits({ limits: rules, limitUses: uses = [], areLimitsCut, now }: OperatorView): Html {
  if (rules === undefined) return notRead;
  const setting = adminCommand('limits set');
  if (rules.length === 0)
    return html`<p class="empty">None: each has as many as there are places. ${setting} sets one.</p>`;
  const all = rules.filter(({ value }) => value === '*');
  return html`${all.map((rule) => html`<p class="small">Each ${rule.scope === 'subject' ? 'tenant' : 'platform'} has ${ruleWords(rule)}, unless it has a limit of its own.</p>`)}
${uses.length === 0 && html`<p class="empty">Nobody has a run under way or waiting.</p>`}${
  uses.length > 0 &&
  html`<table class="figures"><caption class="unseen">Used of the limits of runs</caption><thead><tr><th scope="col">Tenant or platform</th><th scope="col" class="number">Under way</th><th scope="col" class="number">Sent</th><th scope="col" class="number">Open</th><th scope="col" class="number">Waiting</th><th scope="col" class="share"><span class="unseen">Beside the limit</span></th></tr></thead>
<tbody>${uses.map((use) => limitRow(use, now))}</tbody></table>`
}${areLimitsCut && html`<p class="small muted">There are more: ${adminCommand('limits list')} has all.</p>`}`;
}

function limitRow(use: LimitUse, now: number): Html {
  const { scope, value, at_once: atOnce, rate, open, under_way: underWay, sent, unended, waiting } = use;
  const of = (used: number, most: number | undefined) =>
    most === undefined ? number(used) : `${number(used)} of ${number(most)}`;
  const shares = [
    [underWay, atOnce],
    [sent, rate?.count],
    [unended, open],
  ] as const;
  const share = Math.max(...shares.map(([used, most]) => (most === undefined ? 0 : used / most)));
  const state = share >= 1 ? 'full' : share >= 0.8 ? 'near' : '';
  return html`<tr><th scope="row"><code>${displayText(value, 80)}</code> <span class="small muted">${scope === 'subject' ? 'tenant' : 'platform'}</span>${fullMark(use, now)}</th>
${figure('Under way', of(underWay, atOnce))}${figure('Sent', rate === undefined ? 'any' : `${of(sent, rate.count)} ${spanWords(rate.window_ms)}`)}${figure('Open', of(unended, open))}${figure('Waiting', number(waiting))}<td class="share">${shareBar(share, state)}</td></tr>`;
}

function fullMark({ full, free_at: freeAt, waiting }: LimitUse, now: number): Html | undefined {
  if (full === undefined || waiting === 0) return undefined;
  const until = freeAt === undefined ? '' : `, room in ${took(Date.parse(freeAt) - now)}`;
  return html` <span class="mark warn">${full === 'at_once' ? 'as many as there may be' : 'sent as many as there may be'}${until}</span>`;
}

function ruleWords({ at_once: atOnce, rate, open }: Rule): string {
  const most = (count: number) => (count === 0 ? 'any number' : `at most ${number(count)}`);
  const said = [
    atOnce === undefined ? undefined : `${most(atOnce)} under way at once`,
    rate === undefined ? undefined : `${most(rate.count)} sent ${spanWords(rate.window_ms)}`,
    open === undefined || open === 0 ? undefined : `${most(open)} open`,
  ].filter((words) => words !== undefined);
  return said.length === 0 ? 'no limit' : said.join(', ');
}

/** `in a minute`; a window that is none of these has its length. */
function spanWords(windowMs: number): string {
  const spans: Readonly<Record<number, string>> = {
    1000: 'a second',
    60000: 'a minute',
    3600000: 'an hour',
    86400000: 'a day',
  };
  return `in ${spans[windowMs] ?? took(windowMs)}`;
}

function tenants({ spend, isSpendCut }: OperatorView): Html {
  if (spend === undefined) return notRead;
  if (spend.length === 0) return html`<p class="empty">Nothing was charged.</p>`;
  const most = (currency: string) =>
    Math.max(...spend.filter((row) => row.currency === currency).map(({ charged }) => charged));
  return html`<table class="figures"><caption class="unseen">Spent by tenant</caption><thead><tr><th scope="col">Tenant</th><th scope="col" class="number">Runs</th><th scope="col" class="number">Cost</th><th scope="col" class="share"><span class="unseen">Beside the largest</span></th></tr></thead>
<tbody>${spend.map(
    (row) =>
      html`<tr><th scope="row"><code>${displayText(row.subject, 80)}</code></th>${figure('Runs', number(row.runs))}${figure('Cost', spentWords(row))}<td class="share">${shareBar(row.charged === 0 ? 0 : row.charged / most(row.currency))}</td></tr>`,
  )}</tbody></table>${isSpendCut && html`<p class="small muted">Those with the most. ${adminCommand('usage export')} has all.</p>`}`;
}

function webhooks(view: OperatorView): Html {
  const { webhooks: all, isFailedOnly, areWebhooksCut } = view;
  const filter = html`<nav class="ranges" aria-label="Which webhooks"><a href="/account/operator#webhooks"${!isFailedOnly && html` aria-current="true"`}>All</a><a href="/account/operator?webhooks=failed#webhooks"${isFailedOnly && html` aria-current="true"`}>Given up</a></nav>`;
  if (all === undefined) return notRead;
  if (all.length === 0)
    return html`${filter}<p class="empty">${isFailedOnly ? 'None was given up.' : 'No webhook was sent.'}</p>`;
  return html`${filter}<ul class="rows">${all.map((webhook) => webhookRow(view, webhook))}</ul>
${areWebhooksCut && html`<p class="small muted">There are more: ${adminCommand('webhooks list')} has them.</p>`}`;
}

const webhookStates = {
  delivered: ['delivered', 'good'],
  waiting: ['waiting', 'plain'],
  given_up: ['given up', 'bad'],
} as const;

function webhookRow({ csrf, now }: OperatorView, webhook: Webhook): Html {
  const { delivery_id: id, run_id: runId, url, state, attempts, last_status: status } = webhook;
  const [text, mark] = webhookStates[state];
  const facts = [
    runId === '' ? undefined : `run ${displayText(runId, 60)}`,
    webhook.event === undefined ? undefined : `event ${displayText(webhook.event, 80)}`,
    `${attempts} attempt${attempts === 1 ? '' : 's'}`,
    status === undefined ? undefined : `last answer ${status}`,
    webhook.last_problem === undefined ? undefined : displayText(webhook.last_problem, 100),
    timeOf(webhook, now),
  ].filter((fact) => fact !== undefined);
  return html`<li class="row"><div><h3>${displayText(url, 120)} <span class="mark ${mark}">${text}</span></h3>
<p class="small muted">${facts.join(' · ')}</p></div>
<div class="actions">${buttonForm({
    action: `/account/operator/webhooks/${encodeURIComponent(id)}/replay`,
    csrf,
    text: 'Send again',
    about: `the webhook of ${runId === '' ? (webhook.event ?? '') : runId}`,
  })}</div></li>`;
}

function timeOf(webhook: Webhook, now: number): string | undefined {
  const { delivered_at: delivered, next_attempt_at: next, last_attempt_at: last } = webhook;
  if (next !== undefined) return `next ${moment(Date.parse(next))}`;
  const at = delivered ?? last;
  return at === undefined ? undefined : ago(Date.parse(at), now);
}
