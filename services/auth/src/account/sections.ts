import type { HandlerContext } from '@inferry/bus';
import {
  type accountSections,
  type Connection,
  describeInfra,
  type ErrorEnvelope,
  type getAccount,
  listConnections,
  listInfra,
  listProviders,
  type Principal,
  type ProviderState,
  readBudgets,
  readStorage,
  readUsage,
  toAppError,
  type UsageTotals,
} from '@inferry/contracts';
import type { z } from 'zod';
import type { AuthDeps } from '../deps.ts';
import type { Position } from './positions.ts';

export type Account = z.infer<typeof getAccount.reply>;
export type SectionName = (typeof accountSections)[number];

export interface Reading {
  deps: Pick<AuthDeps, 'bus' | 'limits' | 'credentialLimit' | 'subjectLimit'>;
  input: z.infer<typeof getAccount.input>;
  /** The caller's own rights go with every question: an owner answers for this subject alone. */
  context: Pick<HandlerContext, 'principal' | 'signal' | 'deadlineAt'>;
  /** Where to go on; empty on the first page. */
  from: Position;
}

/** One part of the account, and where its next page begins if it has one. */
export interface SectionPage {
  part: Account;
  next?: Position;
}

interface Section {
  read(reading: Reading): Promise<SectionPage>;
  /** In the place of the section when its owner cannot be asked now. */
  failed(error: ErrorEnvelope): Account;
}

const questionTimeoutMs = 4_000;
/** What remains of the call for the sections that were answered, when one was not. */
const answerMs = 400;
/** Platforms are asked. */
const probeTimeoutMs = 8_000;
const windowSeconds = 60;
const defaultLimit = 20;

export const sections: Readonly<Record<SectionName, Section>> = {
  identity: {
    read: async ({ context }) => ({ part: { identity: toIdentity(context.principal) } }),
    failed: (error) => ({ identity: { error } }),
  },
  providers: { read: readProviders, failed: (error) => ({ providers: [{ error }] }) },
  balance: {
    read: readBalances,
    failed: (error) => ({ balance: [{ error }] }),
  },
  usage: { read: readUsagePage, failed: (error) => ({ usage: { error } }) },
  machines: { read: readMachines, failed: (error) => ({ machines: { error } }) },
  budgets: {
    async read(reading) {
      const { budgets } = await reading.deps.bus.call(readBudgets, {}, toCall(reading));
      return { part: { budgets } };
    },
    failed: (error) => ({ budgets: [{ error }] }),
  },
  limits: { read: readLimits, failed: (error) => ({ limits: { error } }) },
};

const mostMachines = 100;

/** Of every platform where this caller has machines; a platform that cannot be asked is named with its error. */
async function readMachines(reading: Reading): Promise<SectionPage> {
  const { bus } = reading.deps;
  const { resources = [] } = await bus.call(describeInfra, {}, toCall(reading));
  const platforms = resources.flatMap(({ type, provider }) =>
    type === 'pod' && typeof provider === 'string' ? [provider] : [],
  );
  const machines = await Promise.all(
    platforms.map(async (provider) => {
      try {
        const asked = { provider, resource: 'pod', limit: mostMachines };
        const { summary = {} } = await bus.call(listInfra, asked, toCall(reading));
        const { running, hourly_cost: hourly, cost_so_far: soFar } = summary;
        return { provider, running, hourly_cost: hourly, cost_so_far: soFar };
      } catch (error) {
        return { provider, error: toAppError(error).toEnvelope() };
      }
    }),
  );
  const total = (name: 'running' | 'hourly_cost' | 'cost_so_far') =>
    machines.reduce((sum, one) => sum + Number(('error' in one ? undefined : one[name]) ?? 0), 0);
  const cents = (amount: number) => Math.round(amount * 10_000) / 10_000;
  return {
    part: {
      machines: {
        ...{ running: total('running'), hourly_cost: cents(total('hourly_cost')) },
        ...{ cost_so_far: cents(total('cost_so_far')), currency: 'USD', platforms: machines },
      },
    },
  };
}

function toIdentity({ subject, client, kind, scopes }: Principal): Record<string, unknown> {
  return { subject, ...(client === undefined ? {} : { client }), kind, scopes };
}

async function readProviders(reading: Reading): Promise<SectionPage> {
  const { deps, input, from } = reading;
  const [{ providers }, { connections }] = await Promise.all([
    deps.bus.call(listProviders, {}, toCall(reading)),
    deps.bus.call(listConnections, {}, toCall(reading)),
  ]);
  const wanted = providers
    .filter(({ slug }) => input.provider === undefined || slug === input.provider)
    .sort((a, b) => (a.slug < b.slug ? -1 : 1));
  const start = from.providers ?? 0;
  const end = start + (input.limit ?? defaultLimit);
  return {
    part: { providers: wanted.slice(start, end).map((one) => toProvider(one, connections)) },
    next: end < wanted.length ? { providers: end } : {},
  };
}

/** The preferred connection is the one that is used; a provider that is ready without one needs none. */
function toProvider(
  { slug, title, ready, ...rest }: ProviderState,
  connections: readonly Connection[],
): Record<string, unknown> {
  const { models, stale, capabilities, how_to_connect: remedy } = rest;
  const own = connections.filter(({ provider }) => provider === slug);
  const isGood = own.length === 0 ? ready : own.some(({ state }) => state !== 'rejected');
  return {
    ...{ slug, title, connected: own.length > 0 || ready, key_ok: isGood },
    ...{ models, stale, capabilities },
    ...(ready || remedy === undefined ? {} : { how_to_connect: remedy }),
    ...(own.length === 0 ? {} : { connections: own.map(toState) }),
  };
}

/** How one of the keys fares: whether it works, and until when its platform wants to be left alone. */
function toState({ label, owner, state, limited_until: until }: Connection): Record<string, unknown> {
  return {
    ...{ label, owner, key_ok: state !== 'rejected' },
    ...(until === undefined ? {} : { limited_until: until }),
  };
}

/** What the platforms say is left, of the caller's own accounts there. */
async function readBalances(reading: Reading): Promise<SectionPage> {
  const { deps, input } = reading;
  const { connections } = await deps.bus.call(
    listConnections,
    { probe: true },
    toCall(reading, probeTimeoutMs),
  );
  const balance = connections
    .filter(({ provider }) => input.provider === undefined || provider === input.provider)
    .flatMap(({ provider, label, balance: left }) =>
      left === undefined ? [] : [{ provider, connection: label, ...left }],
    );
  return { part: { balance } };
}

async function readUsagePage(reading: Reading): Promise<SectionPage> {
  const { deps, input, from } = reading;
  const { since, until, provider, bucket = 'day', limit = defaultLimit } = input;
  const query = { since, until, provider, bucket, limit, cursor: from.usage };
  const page = await deps.bus.call(readUsage, query, toCall(reading));
  const { totals, buckets, next_cursor: next } = page;
  const { other_totals: others } = page;
  const usage = {
    totals: honest(totals),
    ...(others === undefined ? {} : { other_totals: others.map(honest) }),
    bucket,
    buckets: buckets.map(honest),
  };
  return { part: { usage }, next: next === undefined ? {} : { usage: next } };
}

/** Nobody is to read an unknown amount as nothing. */
function honest<T extends UsageTotals>(totals: T): Omit<T, 'charged'> & { charged: number | 'unknown' } {
  const { runs, charged, unknown_cost_runs: unknown = 0 } = totals;
  return { ...totals, charged: charged === 0 && unknown > 0 && unknown >= runs ? 'unknown' : charged };
}

/** What the gateway's windows have left, without counting against them, and what is stored of what may be. */
async function readLimits(reading: Reading): Promise<SectionPage> {
  const [windows, storage] = await Promise.all([readWindows(reading), readStored(reading)]);
  return { part: { limits: { windows, ...(storage === undefined ? {} : { storage }) } } };
}

/** Of this credential, and of all credentials of its account where they are counted together. */
async function readWindows({ deps, context: { principal } }: Reading): Promise<Record<string, unknown>[]> {
  // The gateway does not count the one user of a loopback system.
  if (principal.kind === 'local') return [];
  const windows = [
    { name: 'requests', limit: deps.credentialLimit, key: `credential:${principal.grant_id}` },
    ...(deps.subjectLimit === undefined
      ? []
      : [{ name: 'account', limit: deps.subjectLimit, key: `subject:${principal.subject}` }]),
  ];
  return Promise.all(
    windows.map(async ({ name, limit, key }) => {
      const rule = { limit, windowMs: windowSeconds * 1_000 };
      const { remaining, resetMs } = await deps.limits.hit({ key, rule, cost: 0 });
      const window = { name, limit, window_seconds: windowSeconds, remaining };
      return { ...window, reset_seconds: Math.ceil(resetMs / 1_000) };
    }),
  );
}

/** Windows are told also while files are away. */
async function readStored(reading: Reading): Promise<Record<string, unknown> | undefined> {
  try {
    return await reading.deps.bus.call(readStorage, {}, toCall(reading));
  } catch (error) {
    const { code } = toAppError(error);
    return code === 'unavailable' ? undefined : { error: toAppError(error).toEnvelope() };
  }
}

function toCall({ context: { principal, signal, deadlineAt } }: Reading, mostMs = questionTimeoutMs) {
  return { principal, signal, timeoutMs: Math.max(0, Math.min(mostMs, deadlineAt - Date.now() - answerMs)) };
}
