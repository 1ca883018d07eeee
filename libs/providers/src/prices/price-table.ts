/**
 * What an input costs by a table of configurations, such as `1024x1024 · 28 steps` and `5 s, 1080p`. A row that is the
 * input is its price; rows that are smaller and larger in everything bound it; what no row says is named.
 */
import type { JsonObject, Quote } from '@inferry/contracts';
import type { ModelPrice, ProviderModel } from '../provider.ts';
import {
  countIn,
  durationFields,
  moverFields,
  PricedInput,
  pixelsIn,
  secondsIn,
  sizeFields,
} from './billed-units.ts';

type Row = NonNullable<ModelPrice['table']>[number];

/** What a configuration says, as numbers that a larger one has more of, and the words that are left over. */
interface Facts {
  pixels?: number | undefined;
  /** The shorter side, which `1080p` names. */
  lines?: number | undefined;
  /** `2k`: about as many pixels as a square of that many thousands, in whatever shape. */
  thousands?: number | undefined;
  seconds?: number | undefined;
  steps?: number | undefined;
  rest: string;
}

const facts = ['pixels', 'lines', 'thousands', 'seconds', 'steps'] as const;
/** By how much a size of a class may be off: platforms round to what their models take. */
const classSlack = 0.15;
const stepFields = ['steps', 'numinferencesteps', 'inferencesteps', 'numsteps'];

/** The price of an input by the table of its model; a floor where the table does not say. */
export function quoteByTable(
  { price, inputSchema }: Pick<ProviderModel, 'price' | 'inputSchema'>,
  input: JsonObject,
): Quote {
  const table = price.table ?? [];
  const read = new PricedInput(input, inputSchema);
  const asked = askedIn(read, input);
  const rows = table.map((row) => ({ ...row, facts: factsOf(row) }));
  const found = boundsOf(rows, asked);
  const count = countIn(read);
  const unseen = [...count.unseen, ...(found.isExact ? [] : unseenIn(read)), ...beside(read, rows)];
  const isBound = found.most !== undefined && count.most !== undefined && !hasMovers(read, rows);
  const times = (amount: number, many: number) => Math.round(amount * many * 1e8) / 1e8;
  const { least, most } = found;
  return {
    currency: price.currency,
    ...(least !== undefined && { min: times(least, count.least) }),
    ...(isBound && { max: times(most ?? 0, count.most ?? 1) }),
    exact: found.isExact && unseen.length === 0 && count.least === count.most,
    unpriced_inputs: [...new Set(unseen)],
    basis: table.length === 0 ? 'unknown' : price.basis,
  };
}

function factsOf({ configuration }: Row): Facts {
  let rest = configuration.toLowerCase();
  const take = (pattern: RegExp): string[] => {
    const match = pattern.exec(rest);
    if (match === null) return [];
    rest = rest.replace(match[0], ' ');
    return match.slice(1);
  };
  const [width, height] = take(/(\d{2,5})\s?(?:x|×|\*|by)\s?(\d{2,5})(?:\s?px)?/).map(Number);
  const [seconds] = take(/(\d{1,4}(?:\.\d{1,3})?)[\s-]?(?:seconds?|secs?|s)\b/).map(Number);
  const [steps] = take(/(\d{1,4})[\s-]?steps?\b/).map(Number);
  const [lines] = take(/\b(\d{3,4})p\b/).map(Number);
  const [thousands] = take(/\b(\d{1,2})\s?k\b/).map(Number);
  take(/\b1[\s-]?(?:image|video|result|output|clip)\b/);
  rest = rest
    .replace(/\b(?:image|video|audio|result|output|clip|per|at|of|an?|each|and|for)s?\b|[^a-z0-9]/g, ' ')
    .trim();
  const pixels = width === undefined || height === undefined ? undefined : width * height;
  return { pixels, lines, thousands, seconds, steps, rest };
}

function askedIn(read: PricedInput, input: JsonObject): Facts {
  const [pixels, seconds] = [pixelsIn(read), secondsIn(read)];
  const said = (billed: { least: number; most: number | undefined }) =>
    billed.most !== undefined && billed.least === billed.most ? billed.most : undefined;
  const steps = Number(read.field(stepFields)?.value);
  const resolution = read.field(['resolution', 'outputresolution', 'videoresolution'])?.value;
  const [, named] = typeof resolution === 'string' ? (/^(\d{3,4})p$/i.exec(resolution.trim()) ?? []) : [];
  const [, thousands] = typeof resolution === 'string' ? (/^(\d{1,2})k$/i.exec(resolution.trim()) ?? []) : [];
  const sides = [Number(input.width), Number(input.height)].filter((side) => side > 0);
  const short = sides.length === 2 ? Math.min(...sides) : undefined;
  return {
    pixels: said(pixels),
    seconds: said(seconds),
    steps: steps > 0 ? steps : undefined,
    lines: named === undefined ? short : Number(named),
    thousands: thousands === undefined ? classOf(said(pixels)) : Number(thousands),
    rest: '',
  };
}

/** The class of a size; what is between two of them is itself. */
function classOf(pixels: number | undefined): number | undefined {
  if (pixels === undefined) return undefined;
  const thousands = Math.sqrt(pixels) / 1_024;
  const nearest = Math.round(thousands);
  return Math.abs(thousands - nearest) <= nearest * classSlack ? nearest : thousands;
}

interface Bounds {
  least: number | undefined;
  most: number | undefined;
  isExact: boolean;
}

function boundsOf(rows: readonly (Row & { facts: Facts })[], asked: Facts): Bounds {
  const amounts = rows.map(({ amount }) => amount);
  const lowest = amounts.length === 0 ? undefined : Math.min(...amounts);
  const plain = rows.filter(
    (row) => row.facts.rest === '' && facts.some((name) => row.facts[name] !== undefined),
  );
  const same = plain.filter((row) => compare(row.facts, asked, (left, right) => left === right));
  const [only] = same;
  if (only !== undefined && same.every(({ amount }) => amount === only.amount)) {
    return { least: only.amount, most: only.amount, isExact: rows.length === plain.length };
  }
  // A table in which more costs less is none to go by.
  if (!isMonotone(plain)) return { least: lowest, most: undefined, isExact: false };
  const larger = plain.filter((row) => compare(row.facts, asked, (left, right) => left >= right));
  const smaller = plain.filter((row) => compare(row.facts, asked, (left, right) => left <= right));
  return {
    least: smaller.length > 0 ? Math.max(...smaller.map(({ amount }) => amount)) : lowest,
    most: larger.length > 0 ? Math.min(...larger.map(({ amount }) => amount)) : undefined,
    isExact: false,
  };
}

/** Whether all that a row says holds against what is asked; what is not asked holds against nothing. */
function compare(row: Facts, asked: Facts, holds: (row: number, asked: number) => boolean): boolean {
  return facts.every((name) => {
    const [own, wanted] = [row[name], asked[name]];
    return own === undefined || (wanted !== undefined && holds(own, wanted));
  });
}

function isMonotone(rows: readonly (Row & { facts: Facts })[]): boolean {
  return rows.every((one) =>
    rows.every(
      (other) =>
        !compare(one.facts, other.facts, (left, right) => left >= right) || one.amount >= other.amount,
    ),
  );
}

/** The fields by which it is decided which row an input is. */
function unseenIn(read: PricedInput): string[] {
  const own = read.fields([...sizeFields, ...durationFields]).map(({ name }) => name);
  return own.length > 0 ? own : read.filesOr('size');
}

/** What was asked for otherwise than usual and is in no row. */
function beside(read: PricedInput, rows: readonly { facts: Facts }[]): string[] {
  const hasSteps = rows.some((row) => row.facts.steps !== undefined);
  return [
    ...read.changed(moverFields.filter((name) => !isInTable(name, rows))),
    ...(hasSteps ? [] : read.changed(stepFields)),
  ];
}

function hasMovers(read: PricedInput, rows: readonly { facts: Facts }[]): boolean {
  return beside(read, rows).length > 0;
}

function isInTable(name: string, rows: readonly { facts: Facts }[]): boolean {
  return (
    name.endsWith('resolution') &&
    rows.some(({ facts: row }) => row.lines !== undefined || row.thousands !== undefined)
  );
}
