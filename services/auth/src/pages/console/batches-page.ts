/** Batches as contact sheets: how far each is, what it cost, and each of its runs as a picture. */
import { type Batch, isTerminal, RunStatus } from '@inferry/contracts';
import { type Branding, displayText, type Html, html } from '@inferry/pages';
import { z } from 'zod';
import type { Notice } from '../account/account-view.ts';
import { buttonForm, notRead } from '../account/section.ts';
import { ago, moment, money, number, spentWords, took } from '../account/words.ts';
import type { PageParts } from '../layout.ts';
import { consolePage, livePart, type Viewer } from './frame.ts';
import { outputPlace, previewUrl } from './media.ts';
import { addressOf, runUrl } from './runs-page.ts';

const marks: Record<Batch['status'], string> = {
  running: 'going',
  succeeded: 'good',
  partial: 'warn',
  failed: 'bad',
  cancelled: 'plain',
};

/** A run of a batch, as its service tells it. */
export const ShownItem = z.object({
  index: z.int(),
  run_id: z.string(),
  status: RunStatus,
  input: z.record(z.string(), z.unknown()).optional(),
  url: z.string().optional(),
  text: z.string().optional(),
  error: z.string().optional(),
});
type ShownItem = z.infer<typeof ShownItem>;

export interface BatchesView extends Viewer {
  isFirst: boolean;
  /** Undefined: they could not be read. */
  page: { batches: readonly Batch[]; nextCursor?: string | undefined } | undefined;
}

export function batchesPage(branding: Branding, view: BatchesView): PageParts {
  const { page, isFirst, now } = view;
  const isOpen = page?.batches.some(({ status }) => status === 'running') ?? false;
  const list =
    page === undefined
      ? notRead
      : page.batches.length === 0
        ? html`<p class="empty">${isFirst ? 'No batch was run yet. A client starts one with run_batch.' : 'There are no older batches.'}</p>`
        : html`<ul class="sheets">${page.batches.map((batch) => sheetOf(batch, now))}</ul>`;
  return consolePage(branding, view, {
    title: 'Batches',
    tab: 'batches',
    body: html`${livePart('batch-list', isOpen, list)}${pager('/account/batches', view, 'Older batches')}`,
  });
}

function batchUrl(id: string): string {
  return `/account/batches/${encodeURIComponent(id)}`;
}

function sheetOf(batch: Batch, now: number): Html {
  const { batch_id: id, model = 'A batch', created_at: at } = batch;
  const facts = [progressWords(batch), at === undefined ? undefined : ago(Date.parse(at), now)];
  return html`<li class="sheet-card"><a class="face" href="${batchUrl(id)}" tabindex="-1" aria-hidden="true"><img src="${batchUrl(id)}/sheet" alt="" loading="lazy" decoding="async"></a>
<div class="row"><p class="title"><a href="${batchUrl(id)}">${displayText(model, 120)}</a></p>${markOf(batch)}</div>
${barOf(batch)}
<p class="small muted">${facts.filter((fact) => fact !== undefined).join(' · ')}</p>
<p class="cost">${batchCost(batch)}</p></li>`;
}

function markOf({ status }: Batch): Html {
  return html`<span class="mark ${marks[status]}">${status}</span>`;
}

function countOf({ counts = {} }: Batch, name: string): number {
  const count = counts[name];
  return typeof count === 'number' ? count : 0;
}

function progressWords(batch: Batch): string {
  const { total = 0 } = batch;
  const told = ['failed', 'expired', 'cancelled', 'running', 'queued', 'waiting']
    .map((name) => [name, countOf(batch, name)] as const)
    .filter(([, count]) => count > 0)
    .map(([name, count]) => `${number(count)} ${name}`);
  return [`${number(countOf(batch, 'succeeded'))} of ${number(total)} succeeded`, ...told].join(', ');
}

function barOf(batch: Batch): Html {
  const { total = 0 } = batch;
  const share = (count: number) => (total === 0 ? 0 : Math.round((count / total) * 10_000) / 100);
  const good = share(countOf(batch, 'succeeded'));
  const bad = share(countOf(batch, 'failed') + countOf(batch, 'expired'));
  return html`<svg class="bar batch" aria-hidden="true" viewBox="0 0 100 1" preserveAspectRatio="none"><rect class="rest" width="100" height="1"/><rect class="well" width="${good}" height="1"/><rect class="ill" x="${good}" width="${bad}" height="1"/></svg>`;
}

/** An amount that leaves runs out says so. */
function batchCost({ cost = {} }: Batch): string {
  const currency = typeof cost.currency === 'string' ? cost.currency : 'USD';
  const amount = (name: string) => (typeof cost[name] === 'number' ? cost[name] : 0);
  const charged = amount('charged') + amount('assumed');
  const words = spentWords({ charged, currency, unknown_cost_runs: cost.unknown === true ? 1 : 0 });
  const held = amount('reserved');
  return held > 0 ? `${words}, ${money(held, currency)} held` : words;
}

interface Paged {
  isFirst: boolean;
  page: { nextCursor?: string | undefined } | undefined;
}

function pager(path: string, { isFirst, page }: Paged, text: string): Html | undefined {
  const next = page?.nextCursor;
  if (isFirst && next === undefined) return undefined;
  return html`<nav class="pager" aria-label="Pages">
${!isFirst && html`<a class="button slim" href="${path}">First</a>`}
${next !== undefined && html`<a class="button slim" href="${addressOf(path, { cursor: next })}">${text}</a>`}</nav>`;
}

export interface BatchView extends Viewer, Paged {
  batch: Batch;
  items: readonly ShownItem[];
  notice?: Notice | undefined;
}

export function batchPage(branding: Branding, view: BatchView): PageParts {
  const { batch, items, csrf, notice } = view;
  const isOpen = batch.status === 'running';
  const name = displayText(batch.model ?? 'A batch', 200);
  const url = batchUrl(batch.batch_id);
  return consolePage(branding, view, {
    title: name,
    tab: 'batches',
    notice,
    heading: html`<p class="small"><a href="/account/batches">All batches</a></p><h1>${name}</h1>`,
    body: html`${livePart('batch', isOpen, html`${standing(batch)}<ul class="wall contact">${items.map(itemTile)}</ul>`)}
${pager(url, view, 'More of its runs')}
${
  isOpen &&
  html`<div class="actions below">${buttonForm({
    action: `${url}/cancel`,
    ...{ csrf, text: 'Cancel the batch', about: '', isBad: true },
  })}</div>`
}
${batch.table !== undefined && html`<p class="after-list"><a href="${url}/table" download>Download as CSV</a> <span class="small muted">a line for each run</span></p>`}`,
  });
}

function standing(batch: Batch): Html {
  const { created_at: from, finished_at: to, stopped, client_ref: ref, batch_id: id } = batch;
  const rows: [string, string | undefined][] = [
    ['Cost', batchCost(batch)],
    ['Took', from === undefined || to === undefined ? undefined : took(Date.parse(to) - Date.parse(from))],
    ['Started', from && moment(Date.parse(from))],
    ['Stopped early', stopped],
    ['Your reference', ref],
    ['Batch', id],
  ];
  return html`<div class="standing">${markOf(batch)}<span class="small muted">${progressWords(batch)}</span></div>
${barOf(batch)}
<dl class="pairs">${rows.map(
    ([name, value]) =>
      value !== undefined && html`<div><dt>${name}</dt><dd>${displayText(value, 200)}</dd></div>`,
  )}</dl>`;
}

function itemTile({ index, run_id: id, status, input = {}, url, text, error }: ShownItem): Html {
  const own = Object.entries(input).map(([name, value]) => `${name}: ${wordsOf(value)}`);
  const label = displayText(own.length === 0 ? `Run ${index + 1}` : own.join(', '), 90);
  const place = outputPlace(id, 0);
  const word = error !== undefined ? status : isTerminal(status) ? displayText(text ?? '', 60) : status;
  return html`<li><a class="face" href="${runUrl({ run_id: id })}">${
    url === undefined
      ? html`<span class="word${status === 'failed' && ' bad-text'}">${word}</span>`
      : html`<img src="${previewUrl(place, 160)}" alt="" loading="lazy" decoding="async">`
  }<span class="unseen">Run ${index + 1}, ${status}</span></a><p class="name">${label}</p>${error !== undefined && html`<p class="small bad-text">${displayText(error, 90)}</p>`}</li>`;
}

function wordsOf(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}
