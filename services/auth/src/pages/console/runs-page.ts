/** Runs to look through, and each with what it was given, what came of it and what it cost. */
import { type BrowsedRun, type ErrorEnvelope, isTerminal, type Run, runStatuses } from '@inferry/contracts';
import { type Branding, displayText, type Html, html } from '@inferry/pages';
import type { Notice } from '../account/account-view.ts';
import { buttonForm, notRead } from '../account/section.ts';
import { ago, costWords, moment, took } from '../account/words.ts';
import type { PageParts } from '../layout.ts';
import { consolePage, livePart, type Viewer } from './frame.ts';
import { thumbnail, wholeOutput } from './media.ts';

const marks: Record<Run['status'], string> = {
  queued: 'plain',
  running: 'going',
  succeeded: 'good',
  failed: 'bad',
  cancelled: 'plain',
  expired: 'warn',
};

function markOf(status: Run['status']): Html {
  return html`<span class="mark ${marks[status]}">${status}</span>`;
}

export function runUrl({ run_id: id }: Pick<Run, 'run_id'>): string {
  return `/account/runs/${encodeURIComponent(id)}`;
}

/** Runs as a list: what came of each, what was asked for, and how it stands. */
export function runList(runs: readonly BrowsedRun[], now: number): Html {
  return html`<ul class="runs">${runs.map((run) => runRow(run, now))}</ul>`;
}

function runRow(run: BrowsedRun, now: number): Html {
  const { run_id: id, model, status, created_at: createdAt, outputs, output_count: count = 0 } = run;
  const facts = [
    createdAt === undefined ? undefined : ago(Date.parse(createdAt), now),
    tookOf(run),
    count > 1 ? `${count} outputs` : undefined,
    run.client === undefined ? undefined : `by ${displayText(run.client, 40)}`,
  ].filter((fact) => fact !== undefined);
  return html`<li class="run">${thumbnail(id, outputs)}
<div class="what"><p class="title"><a href="${runUrl(run)}">${displayText(model ?? 'A model', 200)}</a></p>
${aboutOf(run)}
<p class="small muted">${facts.join(' · ')}</p>
${progressOf(run)}</div>
<div class="state">${markOf(status)}<span class="cost">${costWords(run.cost, status)}</span></div></li>`;
}

function aboutOf({ about, outputs, error_code: code }: BrowsedRun): Html | undefined {
  if (code !== undefined) return html`<p class="about bad-text">${displayText(code, 60)}</p>`;
  const text = about ?? outputs?.find((output) => output.text !== undefined)?.text;
  return text === undefined ? undefined : html`<p class="about">${displayText(text, 160)}</p>`;
}

function progressOf({ status, progress, queue_position: position }: Run): Html | undefined {
  if (isTerminal(status)) return undefined;
  if (progress === undefined)
    return position === undefined
      ? undefined
      : html`<p class="small muted">Number ${position} in the queue</p>`;
  const percent = Math.round(Math.min(1, Math.max(0, progress)) * 100);
  return html`<div class="under-way"><progress max="100" value="${percent}" aria-label="Progress">${percent} %</progress>
<span class="small muted">${percent} %</span></div>`;
}

function tookOf({ created_at: from, finished_at: to }: Run): string | undefined {
  return from === undefined || to === undefined ? undefined : took(Date.parse(to) - Date.parse(from));
}

export interface RunFilter {
  status: string;
  text: string;
  model: string;
}

export interface RunsView extends Viewer {
  filter: RunFilter;
  /** Undefined: they could not be read. */
  page:
    | { runs: readonly BrowsedRun[]; nextCursor?: string | undefined; searched?: number | undefined }
    | undefined;
  isFirst: boolean;
}

/** Words of the filter that stand for more than one status. */
export const statusGroups: Readonly<Record<string, readonly Run['status'][]>> = {
  open: ['queued', 'running'],
  ...Object.fromEntries(runStatuses.map((status) => [status, [status]])),
};

export function runsPage(branding: Branding, view: RunsView): PageParts {
  const { page, filter, now } = view;
  const isOpen = page?.runs.some(({ status }) => !isTerminal(status)) ?? false;
  const list =
    page === undefined
      ? notRead
      : page.runs.length === 0
        ? html`<p class="empty">${emptyText(view)}</p>`
        : runList(page.runs, now);
  return consolePage(branding, view, {
    title: 'Runs',
    tab: 'runs',
    body: html`${filterForm(filter)}${livePart('run-list', isOpen, list)}${pager(view)}`,
  });
}

function emptyText({ filter, page, isFirst }: RunsView): string {
  const isFiltered = filter.status !== '' || filter.text !== '' || filter.model !== '';
  if (page?.searched !== undefined)
    return `None among the ${page.searched} runs that were looked at. There are older ones.`;
  if (isFiltered) return 'No run is like that.';
  return isFirst
    ? 'Nothing was run yet. Runs of every client that you connected are shown here.'
    : 'There are no older runs.';
}

function filterForm({ status, text, model }: RunFilter): Html {
  const options = [['', 'Any state'], ['open', 'Under way'], ...runStatuses.map((name) => [name, name])];
  const isSet = status !== '' || text !== '' || model !== '';
  return html`<form method="get" action="/account/runs" class="filter" role="search">
<div class="field grow"><label for="text">Search</label>
<input id="text" name="text" type="search" value="${text}" maxlength="200" placeholder="Model, prompt or id"></div>
<div class="field"><label for="status">State</label><select id="status" name="status">${options.map(
    ([value = '', label = '']) =>
      html`<option value="${value}"${value === status && html` selected`}>${label}</option>`,
  )}</select></div>
${model !== '' && html`<div class="field grow"><label for="model">Model</label><input id="model" name="model" value="${model}" maxlength="300"></div>`}
<button class="button">Show</button>${isSet && html`<a class="clear" href="/account/runs">Clear</a>`}</form>`;
}

function pager({ page, filter, isFirst }: RunsView): Html | undefined {
  const newest = addressOf('/account/runs', filter);
  const next = page?.nextCursor;
  if (isFirst && next === undefined) return undefined;
  const text = page?.searched === undefined ? 'Older runs' : 'Look at older runs';
  return html`<nav class="pager" aria-label="Pages">
${!isFirst && html`<a class="button slim" href="${newest}">Newest</a>`}
${next !== undefined && html`<a class="button slim" href="${addressOf('/account/runs', { ...filter, cursor: next })}">${text}</a>`}</nav>`;
}

/** An address with what of its query is not empty. */
export function addressOf(path: string, query: Readonly<Record<string, string>> | RunFilter): string {
  const parameters = new URLSearchParams(Object.entries(query).filter(([, value]) => value !== ''));
  return parameters.size === 0 ? path : `${path}?${parameters.toString()}`;
}

export interface RunView extends Viewer {
  run: Run;
  input: Readonly<Record<string, unknown>> | undefined;
  events: readonly Readonly<Record<string, unknown>>[];
  logs: readonly string[];
  diagnosis: string | undefined;
  error: ErrorEnvelope | undefined;
  notice?: Notice | undefined;
}

export function runPage(branding: Branding, view: RunView): PageParts {
  const { run, csrf, notice } = view;
  const isOpen = !isTerminal(run.status);
  const name = displayText(run.model ?? 'A run', 200);
  return consolePage(branding, view, {
    title: name,
    tab: 'runs',
    notice,
    heading: html`<p class="small"><a href="/account/runs">All runs</a></p><h1>${name}</h1>`,
    body: html`${livePart('run', isOpen, html`${standing(view)}${outputsOf(run)}${facts(view)}`)}
${
  isOpen &&
  html`<div class="actions below">${buttonForm({
    action: `${runUrl(run)}/cancel`,
    ...{ csrf, text: 'Cancel the run', about: '', isBad: true },
  })}</div>`
}
${inputOf(view)}
${timeline(view)}`,
  });
}

function standing({ run, diagnosis, error }: RunView): Html {
  const why =
    error === undefined
      ? undefined
      : html`<p class="notice bad"><strong>${error.code}</strong> ${error.message}</p>`;
  return html`<div class="standing">${markOf(run.status)}${progressOf(run)}</div>
${why}
${diagnosis !== undefined && html`<p class="notice">${diagnosis}</p>`}`;
}

function facts({ run }: RunView): Html {
  const { created_at: from, finished_at: to, upstream, cost } = run;
  const rows: [string, string | undefined][] = [
    ['Cost', costWords(cost, run.status)],
    [
      'Quoted',
      cost?.estimated === undefined
        ? undefined
        : costWords({ ...cost, charged: cost.estimated, unknown: false }, 'succeeded'),
    ],
    ['Took', tookOf(run)],
    ['Started', from && moment(Date.parse(from))],
    ['Ended', to && moment(Date.parse(to))],
    ['Platform', upstream?.provider],
    ['Their id', upstream?.request_id],
    ['Wrapper', run.wrapper],
    ['Your reference', run.client_ref],
    ['Run', run.run_id],
  ];
  return html`<dl class="pairs">${rows.map(
    ([name, value]) =>
      value !== undefined && html`<div><dt>${name}</dt><dd>${displayText(value, 300)}</dd></div>`,
  )}</dl>`;
}

function outputsOf(run: Run): Html | undefined {
  const { outputs = [], notes = [] } = run;
  if (outputs.length === 0 && notes.length === 0) return undefined;
  return html`<section class="part" aria-labelledby="outputs"><h2 id="outputs">${outputs.length === 1 ? 'Output' : 'Outputs'}</h2>
${notes.map((note) => html`<p class="small muted">${note}</p>`)}
<div class="outputs">${outputs.map((output, position) => wholeOutput(run.run_id, output, position))}</div></section>`;
}

function inputOf({ input }: RunView): Html | undefined {
  if (input === undefined || Object.keys(input).length === 0) return undefined;
  return html`<section class="part" aria-labelledby="input"><h2 id="input">Input</h2>
<dl class="facts">${Object.entries(input).map(
    ([name, value]) =>
      html`<div><dt>${displayText(name, 80)}</dt><dd class="value">${shownValue(value)}</dd></div>`,
  )}</dl></section>`;
}

const shownChars = 4_000;

function shownValue(value: unknown): string {
  const text = typeof value === 'string' ? value : JSON.stringify(value, undefined, 1);
  return text.length <= shownChars ? text : `${text.slice(0, shownChars)}…`;
}

function timeline({ events, logs }: RunView): Html | undefined {
  if (events.length === 0 && logs.length === 0) return undefined;
  return html`<section class="part" aria-labelledby="times"><h2 id="times">What happened</h2>
${events.length > 0 && html`<ol class="times">${events.map(({ at, status, note }) => html`<li><span class="muted small">${moment(Date.parse(String(at)), true)}</span> <span>${String(status)}${note !== '' && note !== undefined && html` <span class="muted">${displayText(String(note), 300)}</span>`}</span></li>`)}</ol>`}
${logs.length > 0 && html`<details class="below"><summary class="link">Log of the platform</summary><pre class="text" tabindex="0">${logs.slice(-200).join('\n')}</pre></details>`}</section>`;
}
