/** What was spent: by day and by model, as a plot, as tables, and as a file for spreadsheets. */
import { otherModels, type SpendRow } from '@inferry/contracts';
import { type Branding, displayText, type Html, html } from '@inferry/pages';
import { notRead } from '../account/section.ts';
import { number, spentWords } from '../account/words.ts';
import type { PageParts } from '../layout.ts';
import { figure, plotOf, shareBar, shortDay, spendPlot } from './charts.ts';
import { consolePage, type Viewer } from './frame.ts';

/** The windows that are offered, in days. */
export const costRanges = [7, 30, 90, 365] as const;

export interface CostsView extends Viewer {
  days: number;
  since: number;
  until: number;
  /** By day and model. Undefined: they could not be read. */
  rows: readonly SpendRow[] | undefined;
  /** Models that cost least are told as one. */
  isFolded: boolean;
}

interface Sum {
  name: string;
  currency: string;
  runs: number;
  charged: number;
  unknown_cost_runs: number;
  assumed: number;
}

export function costsPage(branding: Branding, view: CostsView): PageParts {
  const { rows, days, isFolded } = view;
  const body =
    rows === undefined
      ? notRead
      : rows.length === 0
        ? html`<p class="empty">Nothing was run in these ${days} days.</p>`
        : html`${currenciesOf(rows).map((currency) => ofCurrency(view, rows, currency))}
${isFolded && html`<p class="small muted">The models that cost least are summed as ${otherModels}: a shorter time has each.</p>`}
<p class="after-list"><a href="/account/costs.csv?days=${days}" download>Download as CSV</a> <span class="small muted">by day and model, days in UTC</span></p>`;
  return consolePage(branding, view, {
    title: 'Costs',
    tab: 'costs',
    body: html`<nav class="ranges" aria-label="How far back">${costRanges.map(
      (range) =>
        html`<a href="/account/costs?days=${range}"${range === days && html` aria-current="true"`}>${range} days</a>`,
    )}</nav>${body}`,
  });
}

/** Those in which most was spent first. */
function currenciesOf(rows: readonly SpendRow[]): string[] {
  return sumsBy(rows, () => '').map(({ currency }) => currency);
}

function ofCurrency({ since, until }: CostsView, rows: readonly SpendRow[], currency: string): Html {
  const own = rows.filter((row) => row.currency === currency);
  const [total] = sumsBy(own, () => '');
  const models = sumsBy(own, ({ model = '' }) => model);
  const days = sumsBy(own, ({ day = '' }) => day).sort((one, other) => (one.name < other.name ? 1 : -1));
  if (total === undefined) return html``;
  const unknown = total.unknown_cost_runs;
  return html`<section class="part" aria-labelledby="in-${currency}">
<h2 id="in-${currency}" class="big">${spentWords(total)}</h2>
<p class="small muted">${number(total.runs)} run${total.runs === 1 ? '' : 's'} that ended${total.assumed > 0 && html`, ${spentWords({ charged: total.assumed, currency })} of it assumed, since their platforms do not say`}${unknown > 0 && html`. Of ${number(unknown)} nobody tells the cost: ${unknown === 1 ? 'it is' : 'they are'} not in the amount`}.</p>
${total.charged > 0 && spendPlot(plotOf(own, { currency, since, until }))}
${modelTable(models, total.charged)}
<details class="below"><summary class="link">By day, as a table</summary>${dayTable(days)}</details></section>`;
}

function modelTable(models: readonly Sum[], all: number): Html {
  return html`<table class="figures"><caption class="unseen">By model</caption><thead><tr><th scope="col">Model</th><th scope="col" class="number">Runs</th><th scope="col" class="number">Cost</th><th scope="col" class="share"><span class="unseen">Share</span></th></tr></thead>
<tbody>${models
    .slice(0, 50)
    .map(
      (model) =>
        html`<tr><th scope="row">${modelLink(model.name)}</th>${figure('Runs', number(model.runs))}${figure('Cost', spentWords(model))}<td class="share">${shareBar(all === 0 ? 0 : model.charged / all)}</td></tr>`,
    )}</tbody></table>
${models.length > 50 && html`<p class="small muted">And ${models.length - 50} more models: they are in the file.</p>`}`;
}

function modelLink(name: string): Html {
  if (name === otherModels) return html`${name}`;
  return html`<a href="/account/runs?model=${encodeURIComponent(name)}">${displayText(name, 200)}</a>`;
}

function dayTable(days: readonly Sum[]): Html {
  return html`<table class="figures"><caption class="unseen">By day</caption><thead><tr><th scope="col">Day</th><th scope="col" class="number">Runs</th><th scope="col" class="number">Cost</th></tr></thead>
<tbody>${days.map(
    (day) =>
      html`<tr><th scope="row">${shortDay(Date.parse(day.name))}</th>${figure('Runs', number(day.runs))}${figure('Cost', spentWords(day))}</tr>`,
  )}</tbody></table>`;
}

/** Sums of what has one name and one currency, those in which most was spent first. */
function sumsBy(rows: readonly SpendRow[], nameOf: (row: SpendRow) => string): Sum[] {
  const sums = new Map<string, Sum>();
  for (const row of rows) {
    const [name, { currency }] = [nameOf(row), row];
    const sum = sums.get(`${currency} ${name}`) ?? {
      ...{ name, currency, runs: 0, charged: 0, unknown_cost_runs: 0, assumed: 0 },
    };
    sum.runs += row.runs;
    sum.charged += row.charged;
    sum.assumed += row.assumed ?? 0;
    sum.unknown_cost_runs += row.unknown_cost_runs ?? 0;
    sums.set(`${currency} ${name}`, sum);
  }
  return [...sums.values()].sort((one, other) => other.charged - one.charged || other.runs - one.runs);
}

const csvColumns = ['day', 'model', 'currency', 'runs', 'charged', 'assumed', 'unknown_cost_runs'] as const;

/** RFC 4180; a text that a spreadsheet would take for a formula is marked as a text. */
export function costsCsv(rows: readonly SpendRow[]): string {
  const lines = rows.map((row) =>
    csvColumns.map((column) => fieldOf(row[column] ?? (column === 'day' || column === 'model' ? '' : 0))),
  );
  return [csvColumns, ...lines].map((fields) => `${fields.join(',')}\r\n`).join('');
}

function fieldOf(value: string | number): string {
  const text = String(value);
  const plain = typeof value === 'string' && /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(plain) ? `"${plain.replaceAll('"', '""')}"` : plain;
}
