/** Runs, prices and pages as text: what the tools of several profiles say in the same way. */
import {
  type ContentBlock,
  isTerminal,
  type Page,
  type Run,
  type RunCost,
  type RunOutput,
  text,
} from '@inferry/contracts';

export function pageLine(shown: number, page: Page | undefined): string {
  const total = page?.total === undefined ? '' : ` of ${page.total}`;
  const more = page?.next_cursor === undefined ? '' : ` More: cursor="${page.next_cursor}".`;
  return `${shown}${total} shown.${more}`;
}

/** A run as text and links: id, status, every output, time and cost (RW-31, RW-32). */
export function presentRun(run: Run): ContentBlock[] {
  const lines = [`Run ${run.run_id}: ${run.status}${progressOf(run)}${run.model ? ` (${run.model})` : ''}`];
  for (const output of run.outputs ?? []) lines.push(outputLine(output));
  for (const note of run.notes ?? []) lines.push(`Note: ${note}`);
  const summary = timeAndCost(run);
  if (summary !== '') lines.push(summary);
  if (run.next_action !== undefined) lines.push(`Next: ${run.next_action}`);
  return [text(lines.join('\n')), ...(run.outputs ?? []).flatMap(toLink)];
}

function progressOf(run: Run): string {
  if (isTerminal(run.status)) return '';
  if (run.progress !== undefined) return ` ${Math.round(run.progress * 100)} %`;
  return run.queue_position === undefined ? '' : `, position ${run.queue_position}`;
}

function outputLine(output: RunOutput): string {
  const asset = output.asset_id === undefined ? '' : ` asset ${output.asset_id}`;
  return `Output ${output.index ?? 0}: ${outputText(output)}${output.text === undefined ? asset : ''}`;
}

/** What an output says, or where it is. */
export function outputText({ kind, text: said, truncated, url }: RunOutput): string {
  if (said !== undefined) return truncated ? `${said} … (truncated)` : said;
  return `${kind === 'image' ? '!' : ''}[${kind ?? 'file'}](${url ?? ''})`;
}

/** Where an output is, for clients that take links by themselves. */
export function toLink(output: RunOutput): ContentBlock[] {
  if (output.url === undefined) return [];
  const name = output.asset_id ?? `output-${output.index ?? 0}`;
  return [
    {
      type: 'resource_link',
      uri: output.url,
      name,
      ...(output.mime_type === undefined ? {} : { mimeType: output.mime_type }),
      ...(output.bytes === undefined ? {} : { size: output.bytes }),
    },
  ];
}

/** "Generated in 6.4 s. Cost: $0.07." (RW-31). */
export function timeAndCost(run: Run): string {
  const cost = costText(run.cost);
  // That what failed cost nothing goes without saying.
  if (run.status !== 'succeeded') return run.cost?.charged === 0 ? '' : cost;
  const seconds = secondsBetween(run.created_at, run.finished_at);
  const time = seconds === undefined ? '' : `Generated in ${seconds} s. `;
  return `${time}${cost === '' ? 'Cost: not told by the platform.' : cost}`.trim();
}

/** Nobody may read silence as nothing. */
export function costText(cost: RunCost | undefined): string {
  if (cost?.charged !== undefined) {
    const beyond =
      cost.over_quote === undefined ? '' : `, ${money(cost, cost.over_quote)} more than was quoted`;
    return `Cost: ${money(cost, cost.charged)}${beyond}.`;
  }
  const assumed = cost?.assumed === undefined ? '' : money(cost, cost.assumed);
  if (cost?.unknown) return `Cost: unknown${assumed === '' ? '' : `, counted as ${assumed}`}.`;
  return assumed === '' ? '' : `Cost: not told, at most ${assumed}.`;
}

function secondsBetween(from: string | undefined, to: string | undefined): string | undefined {
  if (from === undefined || to === undefined) return undefined;
  return ((Date.parse(to) - Date.parse(from)) / 1_000).toFixed(1);
}

/** A price. */
export function money(cost: Pick<RunCost, 'currency'> | undefined, amount: number): string {
  return amount === 0 ? 'free' : sum(cost, amount);
}

/** What a quote says of the cost, with what it could not see: whoever reads the text alone must know as much. */
export function quotedCost(quote: Readonly<Record<string, unknown>>, before: 'run' | 'runs'): string {
  const { min, max, exact, unpriced_inputs: unpriced } = quote;
  const currency = { currency: typeof quote.currency === 'string' ? quote.currency : undefined };
  const unseen = Array.isArray(unpriced) && unpriced.length > 0 ? ` Not in it: ${unpriced.join(', ')}.` : '';
  if (typeof max === 'number') {
    const bound = exact === true || max === 0 ? '' : 'at most ';
    return ` Cost: ${bound}${money(currency, max)}.${unseen}`;
  }
  const least = typeof min === 'number' && min > 0 ? `, ${money(currency, min)} or more` : '';
  return ` Cost: not known before the ${before}${least}.${unseen}`;
}

/** What is left of something to spend: none of it is not "free". */
export function moneyLeft(cost: Pick<RunCost, 'currency'> | undefined, amount: number): string {
  return amount === 0 ? 'nothing' : sum(cost, amount);
}

function sum(cost: Pick<RunCost, 'currency'> | undefined, amount: number): string {
  const currency = cost?.currency ?? 'USD';
  const digits = digitsOf(Math.abs(amount));
  const sign = amount < 0 ? '-' : '';
  return currency === 'USD' ? `${sign}$${digits}` : `${sign}${digits} ${currency}`;
}

/** Cents where there are no parts of them; else three digits that count, and never an exponent. */
function digitsOf(amount: number): string {
  const hasParts = Math.abs(amount * 100 - Math.round(amount * 100)) > 1e-6;
  if (amount >= 1 || !hasParts) return amount.toFixed(2);
  const places = Math.min(2 - Math.floor(Math.log10(amount)), 12);
  return amount.toFixed(places).replace(/0+$/, '');
}
