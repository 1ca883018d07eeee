import { createHash, randomBytes, randomUUID } from 'node:crypto';
import type { HandlerContext } from '@inferry/bus';
import {
  AppError,
  argumentOf,
  callOf,
  coverQuotes,
  getRun,
  hint,
  listRuns,
  type PreparedModel,
  type PreparedRun,
  type Principal,
  type Problem,
  prepareRun,
  type Quote,
  type QuoteKind,
  quoteKindOf,
  runModel,
  runQueued,
  validationFailed,
} from '@inferry/contracts';
import {
  findRunByKey,
  holdable,
  insertRun,
  listPauses,
  type NewRun,
  type RunRow,
  readBudgetStates,
  readStanding,
} from '@inferry/database';
import { context as otelContext, propagation } from '@opentelemetry/api';
import type { z } from 'zod';
import type { InferenceDeps } from '../deps.ts';
import { knowTime } from '../timings.ts';
import { holdToQuote, type QuotedPrice } from './quotes.ts';
import { confirmCost, rulesFor, wantedOf } from './run-cost.ts';
import { canonical, type EqualRun, noOutputs, type RunFiles, type RunOptions } from './run-document.ts';
import {
  findFiles,
  locateFiles,
  type Priority,
  type RunRequest,
  rankOf,
  readRunRequest,
} from './run-request.ts';

const grantMarginMs = 14 * 86_400_000;

type Prepared = z.infer<typeof PreparedRun>;

/**
 * Starts a run, or finds the one that this request has started before: nothing is run or charged twice for one key
 * (RF-29), which is the caller's `client_ref` or else the id of the call itself.
 */
export async function startRun(
  deps: InferenceDeps,
  request: RunRequest,
  context: HandlerContext,
): Promise<{ row: RunRow; isNew: boolean }> {
  const callId = context.callId === '' ? randomUUID() : context.callId;
  const key = keyOf(request, callId);
  const { subject } = context.principal;
  const { queries } = deps.database;
  // Side by side with what the database says: each is a wait of its own. A replay needs no catalog, so what that says counts later.
  const preparing = prepare(deps, request, context);
  preparing.catch(() => undefined);
  const mostOpen = await deps.runLimits.mostOpen(subject);
  const standing = await readStanding(queries, { subject, atMost: mostOpen, key });
  const existing = standing.isKeyUsed === true ? await findRunByKey(queries, subject, key) : undefined;
  if (existing !== undefined)
    return { row: await replay(deps, existing, { request, context }), isNew: false };
  const { problems, ...checked } = readRunRequest(request, deps);
  if (problems.length > 0) throw validationFailed('run_model', problems);
  if (standing.openRuns >= mostOpen) throw tooManyRuns(mostOpen);
  const prepared = await preparing;
  if (standing.hasPauses === true) await refuseDrained(deps, prepared.provider);
  refuseTooDear(request.max_cost, prepared);
  const price = priceOf(deps, request, { prepared, subject });
  await confirmCost(
    deps,
    { ...costOf(deps, prepared, context), hasThresholds: standing.hasThresholds === true },
    context,
  );
  const provider = deps.providers.get(prepared.provider);
  const { input, file_fields: pointers } = prepared;
  const files = await locateFiles(deps, { provider, input, pointers }, context);
  const others = await othersOf(deps, prepared, context);
  // Its deadline is told from now on: this machine may have slept while others answered.
  await knowTime(deps);
  const run = newRun(deps, { request, prepared, price, files, key, context, others, ...checked });
  const inserted = await insertRun(deps.database, { ...run, isUnbound: !standing.isBound }).catch(
    (error: unknown) => {
      if (error instanceof AppError) deps.metrics.refused(error.code);
      throw error;
    },
  );
  if (!inserted.isNew) return { row: await replay(deps, inserted.row, { request, context }), isNew: false };
  deps.metrics.accepted(prepared.provider);
  deps.bus.publish(runQueued, {
    run_id: inserted.row.run_id,
    provider: prepared.provider,
    by: deps.replica,
  });
  return inserted;
}

/** The run as each of the others would be sent it. */
export async function othersOf(
  deps: InferenceDeps,
  { equal }: Prepared,
  context: HandlerContext,
): Promise<{ prepared: PreparedModel; files: RunFiles }[]> {
  const others = equal?.others ?? [];
  return Promise.all(
    others.map(async (prepared) => {
      const provider = deps.providers.get(prepared.provider);
      const { input, file_fields: pointers } = prepared;
      return { prepared, files: await locateFiles(deps, { provider, input, pointers }, context) };
    }),
  );
}

function keyOf({ model, client_ref: ref, ref_scope: scope }: RunRequest, callId: string): string {
  if (ref === undefined) return `call:${callId}`;
  return scope === 'model' ? `ref of ${model}:${ref}` : `ref:${ref}`;
}

/** So that nobody fills the table that everybody's runs stand in. */
export function tooManyRuns(most: number): AppError {
  return new AppError(
    'too_many_runs',
    `You have ${most} runs that have not ended. Nothing was run or charged.`,
    {
      retryAfterSeconds: 30,
      nextAction: `Wait until some have ended.${hint` ${callOf(listRuns)} shows them, and those that nobody needs can be cancelled.`}`,
    },
  );
}

/** A platform that is drained takes nothing new; at one that is only paused runs wait. */
export async function refuseDrained({ database }: InferenceDeps, provider: string): Promise<void> {
  const pauses = await listPauses(database.queries);
  const drained = pauses.find((pause) => pause.provider === provider && pause.mode === 'drain');
  if (drained === undefined) return;
  throw new AppError('provider_paused', `${provider} takes no new runs now. Nothing was run or charged.`, {
    retryAfterSeconds: 300,
    nextAction: 'Use a model of another provider, or try again later.',
  });
}

/** Resolves, coerces, validates and quotes at the catalog; throws `validation_failed` when the input is wrong. */
export async function prepare(
  deps: InferenceDeps,
  request: Pick<RunRequest, 'model' | 'input' | 'options' | 'max_cost'>,
  { principal, signal }: HandlerContext,
): Promise<Prepared> {
  const { model, input, options } = request;
  const asked = { model, input, ...(options !== undefined && { options }) };
  const prepared = await deps.bus.call(prepareRun, asked, { principal, signal });
  if (prepared.problems.length > 0) throw validationFailed(prepared.model, prepared.problems);
  return withOthers(prepared, request.max_cost);
}

/** What else may take the run, as far as that costs no more than it may; the quote is of whichever does. */
export function withOthers(prepared: Prepared, maxCost: number | undefined): Prepared {
  const { equal, quote } = prepared;
  if (equal === undefined) return prepared;
  const isCheap = (one: Quote) => maxCost === undefined || (one.max !== undefined && one.max <= maxCost);
  const others = equal.others.filter((other) => isCheap(other.quote));
  const all = others.map((other) => other.quote);
  return { ...prepared, quote: coverQuotes(quote, all), equal: { ...equal, others } };
}

/**
 * The existing run when the request is the same; else `idempotency_conflict`. The arguments as they came are compared
 * first, so that a replay needs no catalog; written differently, they are compared as the catalog reads them.
 */
async function replay(
  deps: InferenceDeps,
  row: RunRow,
  { request, context }: { request: RunRequest; context: HandlerContext },
): Promise<RunRow> {
  // Where a reference is of a model, it names the run by itself.
  if (request.ref_scope === 'model') return row;
  if (row.request_hash === hashOf(request.model, request.input, request.options)) return row;
  const prepared = await prepare(deps, request, context).catch((error: unknown) => {
    // What the catalog refuses cannot be what it accepted before.
    if (error instanceof AppError && !error.retryable) return undefined;
    throw error;
  });
  const isSameWrapper = (prepared?.wrapper ?? null) === row.wrapper;
  const before = hashOf(row.model, JSON.parse(row.input), JSON.parse(row.options).caller);
  if (
    prepared !== undefined &&
    isSameWrapper &&
    before === hashOf(prepared.model, prepared.input, request.options)
  )
    return row;
  throw new AppError(
    'idempotency_conflict',
    `This ${argumentOf(runModel, 'client_ref')} belongs to a run with another model or input.`,
    {
      nextAction: `Use a new ${argumentOf(runModel, 'client_ref')}.${hint` ${callOf(getRun, { run_id: row.run_id })} has the run of this one.`}`,
      details: { run_id: row.run_id },
    },
  );
}

/**
 * What starting it would find wrong, and what it is quoted at. Throws what starting it would throw besides; nothing is
 * held, copied or sent.
 */
export async function tryRun(
  deps: InferenceDeps,
  request: RunRequest,
  context: HandlerContext,
): Promise<{ validation: Problem[]; quote: ShownQuote }> {
  const { principal, signal } = context;
  const { subject } = principal;
  const { queries } = deps.database;
  const { model, input, options } = request;
  const asked = { model, input, ...(options !== undefined && { options }) };
  const ref = request.client_ref;
  const mostOpen = await deps.runLimits.mostOpen(subject);
  const [found, standing, existing] = await Promise.all([
    deps.bus.call(prepareRun, asked, { principal, signal }),
    readStanding(queries, { subject, atMost: mostOpen }),
    ref === undefined ? undefined : findRunByKey(queries, subject, `ref:${ref}`),
  ]);
  const prepared = withOthers(found, request.max_cost);
  const quote: ShownQuote = { ...prepared.quote, kind: quoteKindOf(prepared.quote) };
  const validation = [...prepared.problems, ...readRunRequest(request, deps).problems];
  if (validation.length > 0) return { validation, quote };
  if (existing !== undefined) {
    // The run would be that one, at no price: or none, where this client_ref belongs to another.
    await replay(deps, existing, { request, context });
    return { validation, quote };
  }
  if (standing.openRuns >= mostOpen) throw tooManyRuns(mostOpen);
  refuseTooDear(request.max_cost, prepared);
  priceOf(deps, request, { prepared, subject });
  await findFiles(deps, { input: prepared.input, pointers: prepared.file_fields }, context);
  const { payer, rules } = costOf(deps, prepared, context);
  const states = await readBudgetStates(queries, payer, rules);
  holdable(states, { ...rules, ...wantedOf(quote) });
  const signed = deps.quotes.sign(subject, prepared);
  return { validation, quote: { ...quote, ...(signed && { quote_id: signed.quote_id }) } };
}

export type ShownQuote = Quote & { kind: QuoteKind; quote_id?: string };

/** Who pays for such a run, and by what rules it is counted. */
export function costOf(deps: InferenceDeps, prepared: Prepared, { principal, mount }: HandlerContext) {
  const payer = { ...payerOf(principal, mount), provider: prepared.provider };
  const rules = { ...rulesFor(deps.money, prepared.quote.currency), now: deps.now() };
  return { prepared, payer, rules };
}

/** By which client and mount a run comes, so that budgets can count by them. */
export function payerOf(
  { subject, client = '' }: Principal,
  mount = '',
): { subject: string; client: string; mount: string } {
  return { subject, client, mount };
}

/** What the quote that the caller names says; throws where it is none, or the run would cost more. */
function priceOf(
  deps: InferenceDeps,
  { quote_id: id }: RunRequest,
  { prepared, subject }: { prepared: Prepared; subject: string },
): QuotedPrice | undefined {
  if (id === undefined) return undefined;
  const price = deps.quotes.read(subject, id, prepared);
  holdToQuote(price, prepared.quote);
  return price;
}

/** A price that nobody knows cannot be kept below a limit, so it is refused as well (`product.md`, promise 3). */
function refuseTooDear(maxCost: number | undefined, { quote }: Prepared): void {
  if (maxCost === undefined || (quote.max !== undefined && quote.max <= maxCost)) return;
  const least = quote.min === undefined || quote.min === 0 ? '' : ` (${quote.min} or more)`;
  const unseen = quote.unpriced_inputs.slice(0, 5).join(', ');
  const why = unseen === '' ? '' : `: nobody tells what ${unseen} comes to`;
  const price =
    quote.max === undefined
      ? `The price is not known before the run${least}${why}`
      : `It may cost ${quote.max}`;
  throw new AppError(
    'max_cost_exceeded',
    `${price}; max_cost is ${maxCost} ${quote.currency}. Nothing was run.`,
    {
      nextAction:
        quote.max === undefined
          ? 'Leave max_cost out to run it at an unknown price, or choose a model with a price.'
          : 'Raise max_cost, or choose a cheaper model or input.',
      details: { quote },
    },
  );
}

/**
 * The platform is told the caller's own reference where its account is theirs alone: there it is the same run by our call
 * and by theirs. In an account that several share, the references of one would find the runs of another.
 */
function upstreamRef(
  { client_ref: ref, ref_scope: scope }: RunRequest,
  { kind }: Principal,
): Pick<RunOptions, 'upstreamRef'> {
  const isAlone = kind === 'passthrough' || kind === 'local';
  return ref !== undefined && scope === 'model' && isAlone ? { upstreamRef: ref } : {};
}

export interface RunParts {
  request: Pick<RunRequest, 'model' | 'input' | 'client_ref' | 'ref_scope' | 'webhook' | 'options'>;
  prepared: Prepared;
  /** By the quote that the caller named. */
  price: QuotedPrice | undefined;
  files: RunFiles;
  key: string;
  context: HandlerContext;
  tags: Record<string, string>;
  ttlMs: number;
  priority: Priority;
  /** What else it may be sent to. */
  others?: readonly { prepared: PreparedModel; files: RunFiles }[];
  /** Of a run that waits for its turn in a batch. */
  place?: { batchId: string; index: number };
}

export function newRun(deps: InferenceDeps, parts: RunParts): NewRun {
  const { request, prepared, price, files, key, context, tags, ttlMs, place } = parts;
  const now = deps.now();
  const { quote } = prepared;
  const { wantedMicros, leastMicros } = wantedOf(quote);
  const runId = `run_${randomBytes(16).toString('base64url')}`;
  const { provider } = prepared;
  // What a run needs after its deadline (its outputs are stored, its key is released) is done within these days.
  const grant = deps.bus.grantRun(context.principal, { id: runId, provider }, now + ttlMs + grantMarginMs);
  const until = now + ttlMs + grantMarginMs;
  const others = (parts.others ?? []).map(({ prepared: other, files: otherFiles }): EqualRun => {
    const { model, provider: elsewhere, native_id, input } = other;
    const grantThere = deps.bus.grantRun(context.principal, { id: runId, provider: elsewhere }, until);
    return {
      ...{ model, provider: elsewhere, native_id, input, files: otherFiles },
      ...(grantThere === undefined ? {} : { grant: grantThere }),
      isExactQuote: other.quote.exact,
      wantedMicros: wantedOf(other.quote).wantedMicros ?? null,
    };
  });
  const { equal } = prepared;
  const options: RunOptions = {
    ...(equal === undefined ? {} : { equal: { alias: equal.alias, why: equal.why, others } }),
    ...(grant === undefined ? {} : { grant }),
    caller: request.options ?? {},
    ...(place === undefined ? {} : { priority: parts.priority }),
    isExactQuote: quote.exact,
    ...(price === undefined ? {} : { quoted: { kind: price.kind, micros: price.micros ?? null } }),
    ...(context.principal.kind === 'passthrough' ? { bringsKey: true } : {}),
    ...upstreamRef(request, context.principal),
    ...currentTrace(),
  };
  return {
    tags,
    wantedMicros,
    leastMicros,
    rules: rulesFor(deps.money, quote.currency),
    row: {
      run_id: runId,
      ...payerOf(context.principal, context.mount),
      grant_id: context.principal.grant_id,
      idempotency_key: key,
      client_ref: request.client_ref ?? null,
      request_hash: hashOf(request.model, request.input, request.options),
      model: prepared.model,
      wrapper: prepared.wrapper ?? null,
      provider: prepared.provider,
      native_id: prepared.native_id,
      input: JSON.stringify(prepared.input),
      file_fields: JSON.stringify(files),
      options: JSON.stringify(options),
      metadata: JSON.stringify(tags),
      webhook: request.webhook ?? null,
      status: 'queued',
      phase: 'queued',
      version: 1,
      poll_attempts: 0,
      next_poll_at: place === undefined ? now : null,
      created_at: now,
      deadline_at: now + ttlMs,
      currency: quote.currency,
      estimated_micros: wantedMicros ?? null,
      reserved_micros: 0,
      outputs: noOutputs,
      logs: '[]',
      send_rank: rankOf(parts.priority, now),
      ...(place === undefined ? {} : { batch_id: place.batchId, batch_index: place.index }),
    },
  };
}

function currentTrace(): Pick<RunOptions, 'traceparent'> {
  const carrier: Record<string, string> = {};
  propagation.inject(otelContext.active(), carrier);
  return carrier.traceparent === undefined ? {} : { traceparent: carrier.traceparent };
}

export function hashOf(model: string, input: unknown, options: unknown): string {
  return createHash('sha256')
    .update(canonical({ model, input, options: options ?? {} }))
    .digest('hex');
}
