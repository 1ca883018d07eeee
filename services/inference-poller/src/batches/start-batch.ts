import { randomBytes, randomUUID } from 'node:crypto';
import type { HandlerContext } from '@inferry/bus';
import {
  AppError,
  argumentOf,
  callOf,
  getBatch,
  hint,
  type JsonObject,
  type PreparedRun,
  type Problem,
  prepareRuns,
  type Quote,
  quoteKindOf,
  runBatch,
  validationFailed,
} from '@inferry/contracts';
import {
  type BatchRow,
  findBatchByKey,
  holdable,
  insertBatch,
  type NewBatchRun,
  readBudgetStates,
  readStanding,
} from '@inferry/database';
import type { z } from 'zod';
import type { InferenceDeps } from '../deps.ts';
import { confirmCost, rulesFor, wantedOf } from '../runs/run-cost.ts';
import { toMicros } from '../runs/run-document.ts';
import { findFiles, locateFiles, readRunRequest } from '../runs/run-request.ts';
import {
  costOf,
  hashOf,
  newRun,
  othersOf,
  refuseDrained,
  type ShownQuote,
  tooManyRuns,
  withOthers,
} from '../runs/start-run.ts';
import { knowTime } from '../timings.ts';
import { type BatchRequest, inputsOf, variedIn } from './batch-inputs.ts';

type Prepared = z.infer<typeof PreparedRun>;

const defaultConcurrency = 8;
const inputsAtOnce = 100;
const callsAtOnce = 4;
const filesAtOnce = 16;

/**
 * Starts a batch, or finds the one of the same `client_ref`: all of its runs are checked, quoted and held from the budget
 * before the first is sent, and nothing is there at all where one of them is wrong.
 */
export async function startBatch(
  deps: InferenceDeps,
  request: BatchRequest,
  context: HandlerContext,
): Promise<{ row: BatchRow; isNew: boolean }> {
  const { subject } = context.principal;
  const { queries } = deps.database;
  const ref = request.client_ref;
  const key = ref === undefined ? `call:${context.callId || randomUUID()}` : `ref:${ref}`;
  const inputs = inputsOf(request);
  const hash = hashOf(request.model, inputs, request.options);
  const existing = await findBatchByKey(queries, subject, key);
  if (existing !== undefined) return { row: replay(existing, hash), isNew: false };
  const plan = await planBatch(deps, { request, inputs }, context);
  const { prepared, first, quote, checked, standing } = plan;
  const asked = { ...costOf(deps, { ...first, quote, input: { inputs } }, context) };
  const shown = { ...asked.prepared, model: `${first.model} (${prepared.length} runs)` };
  await confirmCost(
    deps,
    { ...asked, prepared: shown, hasThresholds: standing.hasThresholds === true },
    context,
  );
  await knowTime(deps);
  const now = deps.now();
  const batchId = `batch_${randomBytes(16).toString('base64url')}`;
  const parts = { request, context, batchId, ...checked };
  const runs = await inTurns(prepared, filesAtOnce, (one, index) => runOf(deps, { ...parts, index }, one));
  const inserted = await insertBatch(deps.database, {
    runs,
    tags: checked.tags,
    payer: asked.payer,
    rules: rulesFor(deps.money, quote.currency),
    batch: {
      batch_id: batchId,
      subject,
      idempotency_key: key,
      client_ref: ref ?? null,
      request_hash: hash,
      model: first.wrapper ?? first.model,
      provider: first.provider,
      total: runs.length,
      concurrency: request.concurrency ?? defaultConcurrency,
      currency: quote.currency,
      max_cost_micros: request.max_cost === undefined ? null : toMicros(request.max_cost),
      varied: JSON.stringify(variedIn(inputs)),
      created_at: now,
      next_look_at: now + deps.timings.rereadMs,
    },
  }).catch((error: unknown) => {
    if (error instanceof AppError) deps.metrics.refused(error.code);
    throw error;
  });
  if (!inserted.isNew) return { row: replay(inserted.row, hash), isNew: false };
  for (const _ of runs) deps.metrics.accepted(first.provider);
  deps.batches.wake(batchId);
  return inserted;
}

/** What starting it would find wrong, and what all of it is quoted at. Nothing is held or sent. */
export async function tryBatch(
  deps: InferenceDeps,
  request: BatchRequest,
  context: HandlerContext,
): Promise<{ validation: Problem[]; quote: JsonObject }> {
  const inputs = inputsOf(request);
  const { principal } = context;
  const prepared = await prepareAll(deps, { request, inputs }, context);
  const validation = [...problemsOf(prepared), ...readRunRequest(request, deps).problems];
  const quote = quoteOfAll(prepared);
  const shown: JsonObject = { ...quote, runs: prepared.length };
  const [first] = prepared;
  if (validation.length > 0 || first === undefined) return { validation, quote: shown };
  refuseTooDear(request.max_cost, quote);
  await standingFor(deps, principal.subject, prepared.length);
  await inTurns(prepared, filesAtOnce, ({ input, file_fields: pointers }) =>
    pointers.length === 0 ? Promise.resolve([]) : findFiles(deps, { input, pointers }, context),
  );
  const { payer, rules } = costOf(deps, first, context);
  const states = await readBudgetStates(deps.database.queries, payer, rules);
  holdable(states, { ...rules, ...wantedOf(quote) });
  return { validation, quote: shown };
}

/** What holds the caller; throws where so many more would be too many. */
async function standingFor({ database, runLimits }: InferenceDeps, subject: string, more: number) {
  const most = await runLimits.mostOpen(subject);
  const standing = await readStanding(database.queries, { subject, atMost: most });
  if (standing.openRuns + more > most) throw tooManyRuns(most);
  return standing;
}

interface Asked {
  request: BatchRequest;
  inputs: readonly JsonObject[];
}

/** All runs checked and quoted; throws what any of them, or all together, would be refused for. */
async function planBatch(deps: InferenceDeps, asked: Asked, context: HandlerContext) {
  const { request } = asked;
  const { problems, ...checked } = readRunRequest(request, deps);
  if (problems.length > 0) throw validationFailed(callOf(runBatch), problems);
  const { subject } = context.principal;
  const prepared = await prepareAll(deps, asked, context);
  const standing = await standingFor(deps, subject, prepared.length);
  const wrong = problemsOf(prepared);
  const [first] = prepared;
  if (wrong.length > 0 || first === undefined) throw validationFailed(request.model, wrong);
  if (standing.hasPauses === true) {
    for (const provider of new Set(prepared.map((one) => one.provider))) await refuseDrained(deps, provider);
  }
  const quote = quoteOfAll(prepared);
  refuseTooDear(request.max_cost, quote);
  return { prepared, first, quote, checked, standing };
}

async function prepareAll(
  deps: InferenceDeps,
  { request: { model, options, max_cost: maxCost }, inputs }: Asked,
  { principal, signal }: HandlerContext,
): Promise<Prepared[]> {
  const parts: JsonObject[][] = [];
  for (let at = 0; at < inputs.length; at += inputsAtOnce) parts.push(inputs.slice(at, at + inputsAtOnce));
  const replies = await inTurns(parts, callsAtOnce, (part) =>
    deps.bus.call(
      prepareRuns,
      { model, inputs: part, ...(options !== undefined && { options }) },
      { principal, signal },
    ),
  );
  return withEqual(
    replies.flatMap(({ runs }) => runs),
    maxCost,
  );
}

/**
 * What else may take each run. Where all of them together might cost more than the batch may, none goes to a dearer model than
 * the one that it is meant for.
 */
function withEqual(prepared: readonly Prepared[], maxCost: number | undefined): Prepared[] {
  const all = prepared.map((one) => withOthers(one, undefined));
  const { max } = quoteOfAll(all);
  if (maxCost === undefined || (max !== undefined && max <= maxCost)) return all;
  return prepared.map((one) => withOthers(one, one.quote.max ?? Number.NEGATIVE_INFINITY));
}

function problemsOf(prepared: readonly Prepared[]): Problem[] {
  return prepared.flatMap(({ problems }, index) =>
    problems.map(({ path, ...rest }) => ({
      path: `inputs[${index}]${path === '' ? '' : `.${path}`}`,
      ...rest,
    })),
  );
}

/** The price of all runs: known to the last where that of each is. */
function quoteOfAll(prepared: readonly Prepared[]): ShownQuote {
  const quotes = prepared.map(({ quote }) => quote);
  const [{ currency, basis } = { currency: 'USD', basis: 'unknown' as const }] = quotes;
  const sum = (amounts: readonly number[]) =>
    Math.round(amounts.reduce((total, amount) => total + amount, 0) * 1e8) / 1e8;
  const most = quotes.flatMap(({ max }) => max ?? []);
  const isKnown = most.length === quotes.length && quotes.every((one) => one.currency === currency);
  const all: Quote = {
    currency,
    min: sum(quotes.map(({ min, max, exact }) => min ?? (exact ? max : undefined) ?? 0)),
    ...(isKnown && { max: sum(most) }),
    exact: isKnown && quotes.every(({ exact }) => exact),
    unpriced_inputs: [...new Set(quotes.flatMap(({ unpriced_inputs: names }) => names))],
    basis,
  };
  return { ...all, kind: quoteKindOf(all) };
}

/**
 * What is known beforehand to cost more than it may. Where nobody knows the most, the batch starts, and starts no more runs
 * once what those before cost, or may cost, leaves nothing for the next.
 */
function refuseTooDear(maxCost: number | undefined, quote: Quote): void {
  const price = quote.max ?? quote.min ?? 0;
  if (maxCost === undefined || price <= maxCost) return;
  const words = quote.max === undefined ? 'costs at least' : 'may cost';
  throw new AppError(
    'max_cost_exceeded',
    `All of it ${words} ${price} ${quote.currency}; max_cost is ${maxCost} ${quote.currency}. Nothing was run.`,
    {
      nextAction: 'Raise max_cost, ask for fewer runs, or choose a cheaper model or input.',
      details: { quote },
    },
  );
}

function replay(row: BatchRow, hash: string): BatchRow {
  if (row.request_hash === hash) return row;
  const ref = argumentOf(runBatch, 'client_ref');
  throw new AppError('idempotency_conflict', `This ${ref} belongs to a batch with another model or inputs.`, {
    nextAction: `Use a new ${ref}.${hint` ${callOf(getBatch, { batch_id: row.batch_id })} has the batch of this one.`}`,
    details: { batch_id: row.batch_id },
  });
}

interface Place {
  request: BatchRequest;
  context: HandlerContext;
  batchId: string;
  index: number;
  tags: Record<string, string>;
  ttlMs: number;
}

async function runOf(deps: InferenceDeps, place: Place, prepared: Prepared): Promise<NewBatchRun> {
  const { request, context, batchId, index, tags, ttlMs } = place;
  const { input, file_fields: pointers } = prepared;
  const provider = deps.providers.get(prepared.provider);
  const files = pointers.length === 0 ? {} : await locateFiles(deps, { provider, input, pointers }, context);
  const others = await othersOf(deps, prepared, context);
  const { priority = 'low' } = request.options ?? {};
  await knowTime(deps);
  const { row, wantedMicros } = newRun(deps, {
    request: { model: request.model, input, options: request.options },
    key: `batch:${batchId}:${index}`,
    priority: priority === 'high' || priority === 'normal' ? priority : 'low',
    price: undefined,
    place: { batchId, index },
    ...{ prepared, files, context, tags, ttlMs, others },
  });
  return { row, wantedMicros };
}

/** Does so many at once, and answers in the order of what was given. */
async function inTurns<T, R>(
  all: readonly T[],
  atOnce: number,
  work: (one: T, index: number) => Promise<R>,
): Promise<R[]> {
  const results: R[] = [];
  for (let at = 0; at < all.length; at += atOnce) {
    const part = all.slice(at, at + atOnce).map((one, index) => work(one, at + index));
    results.push(...(await Promise.all(part)));
  }
  return results;
}
