/** Plots and bars, drawn on the server: each has a text or a table beside it that says the same. */
import { type Budget, otherModels, type SpendRow } from '@inferry/contracts';
import { displayText, type Html, html } from '@inferry/pages';
import { ago, money } from '../account/words.ts';

const dayMs = 86_400_000;
const seriesCount = 5;

/** What one stretch of days cost, by series. */
interface Column {
  from: number;
  amounts: readonly number[];
}

export interface Plot {
  currency: string;
  /** Models, those that cost most; the last may stand for all others. */
  series: readonly string[];
  columns: readonly Column[];
  /** Days that one column stands for. */
  daysEach: number;
}

/** Rows of one currency as a plot of every day in the window, also of those on which nothing was spent. */
export function plotOf(
  rows: readonly SpendRow[],
  { currency, since, until }: { currency: string; since: number; until: number },
): Plot {
  const own = rows.filter((row) => row.currency === currency);
  const models = byAmount(own);
  const named = models.filter((model) => model !== otherModels).slice(0, seriesCount);
  const others = models.length > named.length ? [otherModels] : [];
  const series = [...named, ...others];
  const days = Math.ceil((until - since) / dayMs);
  const daysEach = days > 120 ? 7 : 1;
  const columns = Array.from({ length: Math.ceil(days / daysEach) }, (_, index) => ({
    from: since + index * daysEach * dayMs,
    amounts: series.map(() => 0),
  }));
  for (const { day = '', model = '', charged } of own) {
    const column = columns[Math.floor((Date.parse(day) - since) / (daysEach * dayMs))];
    const at = named.includes(model) ? named.indexOf(model) : named.length;
    if (column !== undefined && at < series.length) column.amounts[at] = (column.amounts[at] ?? 0) + charged;
  }
  return { currency, series, columns, daysEach };
}

function byAmount(rows: readonly SpendRow[]): string[] {
  const sums = new Map<string, number>();
  for (const { model = '', charged } of rows) sums.set(model, (sums.get(model) ?? 0) + charged);
  return [...sums].sort(([, one], [, other]) => other - one).map(([model]) => model);
}

const plotHeight = 100;

/** Stacked bars, one for each day. Its text is the sum; the table below the plot has all of it. */
export function spendPlot(plot: Plot): Html {
  const { columns, series, currency } = plot;
  const totals = columns.map(({ amounts }) => amounts.reduce((sum, amount) => sum + amount, 0));
  const top = niceCeiling(Math.max(...totals, 0));
  const width = columns.length;
  const bars = columns.map(({ amounts }, index) => {
    let base = plotHeight;
    return amounts.map((amount, at) => {
      const tall = top === 0 ? 0 : (Math.max(0, amount) / top) * plotHeight;
      base -= tall;
      return (
        tall > 0 &&
        html`<rect class="s${at}" x="${round(index + 0.12)}" y="${round(base)}" width="0.76" height="${round(tall)}"/>`
      );
    });
  });
  const sum = totals.reduce((all, total) => all + total, 0);
  const label = `${money(sum, currency)} in ${columns.length} ${plot.daysEach === 1 ? 'days' : 'weeks'}, the most at once ${money(Math.max(...totals, 0), currency)}`;
  return html`<figure class="plot">
<div class="scale" aria-hidden="true"><span>${money(top, currency)}</span><span>${money(top / 2, currency)}</span><span>${money(0, currency)}</span></div>
<svg role="img" aria-label="${label}" viewBox="0 0 ${width} ${plotHeight}" preserveAspectRatio="none">
<line class="grid" x1="0" x2="${width}" y1="0" y2="0"/><line class="grid" x1="0" x2="${width}" y1="50" y2="50"/>
${bars}<line class="axis" x1="0" x2="${width}" y1="${plotHeight}" y2="${plotHeight}"/></svg>
<div class="dates" aria-hidden="true">${datesOf(plot)}</div>
<figcaption><ul class="legend">${series.map(
    (name, at) =>
      html`<li><svg class="dot" aria-hidden="true" viewBox="0 0 10 10"><rect class="s${at}" width="10" height="10" rx="2"/></svg>${displayText(name, 80)}</li>`,
  )}</ul></figcaption></figure>`;
}

function datesOf({ columns }: Plot): Html[] {
  const last = columns.length - 1;
  const places = [...new Set([0, Math.floor(last / 2), last])].filter((place) => place >= 0);
  return places.map((place) => html`<span>${shortDay(columns[place]?.from ?? 0)}</span>`);
}

export function shortDay(at: number): string {
  return new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'short', timeZone: 'UTC' }).format(at);
}

/** 1, 2 or 5 times a power of ten, not less than it. */
function niceCeiling(value: number): number {
  if (value <= 0) return 0;
  const power = 10 ** Math.floor(Math.log10(value));
  const step = [1, 2, 5, 10].find((one) => one * power >= value * 0.999_999) ?? 10;
  return step * power;
}

function round(value: number): number {
  return Math.round(value * 1_000) / 1_000;
}

/** A cell of a table of figures: where a phone shows no column headings, it says itself what it is. */
export function figure(label: string, value: string): Html {
  return html`<td class="number" data-label="${label}">${value}</td>`;
}

/** What a share of a whole looks like; a text beside it says how much it is. */
export function shareBar(share: number, kind = ''): Html {
  const width = round(Math.min(1, Math.max(0, share)) * 100);
  return html`<svg class="bar ${kind}" aria-hidden="true" viewBox="0 0 100 1" preserveAspectRatio="none"><rect class="rest" width="100" height="1"/><rect class="part" width="${width}" height="1"/></svg>`;
}

/** What may be spent, how much of it was, and what runs under way hold. */
export function budgetBars(budgets: readonly Budget[], now: number): Html {
  return html`<ul class="budgets">${budgets.map((budget) => budgetBar(budget, now))}</ul>`;
}

function budgetBar(budget: Budget, now: number): Html {
  const { limit, spent, reserved, currency } = budget;
  const share = (amount: number) => (limit <= 0 ? 1 : Math.min(1, Math.max(0, amount / limit)));
  const [used, held] = [share(spent) * 100, (share(spent + reserved) - share(spent)) * 100];
  const state = share(spent) >= 1 ? 'full' : share(spent + reserved) >= 0.8 ? 'near' : '';
  const heldText = reserved > 0 ? `, ${money(reserved, currency)} held by runs under way` : '';
  return html`<li><p class="row"><span><strong>${money(spent, currency)}</strong> of ${money(limit, currency)}${heldText}</span>
<span class="small muted">${windowOf(budget, now)}</span></p>
<svg class="bar ${state}" aria-hidden="true" viewBox="0 0 100 1" preserveAspectRatio="none"><rect class="rest" width="100" height="1"/><rect class="part" width="${round(used)}" height="1"/><rect class="held" x="${round(used)}" width="${round(held)}" height="1"/></svg></li>`;
}

function windowOf({ window, time_zone: zone, resets_at: resets, scope }: Budget, now: number): string {
  const renewed = resets === undefined ? undefined : `begins again ${untilWords(Date.parse(resets), now)}`;
  const span = window === undefined ? undefined : displayText(window, 30);
  const parts = [
    // A window that never begins again moves along with time.
    span === undefined ? undefined : renewed === undefined ? `over any ${span}` : `per ${span}`,
    span === undefined || zone === undefined || zone === 'UTC' ? undefined : displayText(zone, 40),
    renewed ?? (span === undefined ? 'in all' : undefined),
    scope === 'everybody' ? 'as everybody has' : undefined,
  ];
  return parts.filter((part) => part !== undefined).join(' · ');
}

function untilWords(at: number, now: number): string {
  const hours = Math.ceil((at - now) / 3_600_000);
  if (hours <= 0) return ago(at, now);
  return hours <= 48 ? `in ${hours} hour${hours === 1 ? '' : 's'}` : `in ${Math.round(hours / 24)} days`;
}
