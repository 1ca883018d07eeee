import { createExchangeRates } from '@inferry/database';
import {
  type AddressRanges,
  ConfigError,
  type Env,
  envInt,
  envList,
  parseAddressRanges,
  parseEnv,
} from '@inferry/runtime';
import { z } from 'zod';
import { defaultPollerLimits, type PollerLimits } from './poller/stages.ts';
import type { MoneyRules } from './runs/run-cost.ts';
import { toMicros } from './runs/run-document.ts';

const InferenceEnv = z.object({
  /** The longest that a call may wait for a run. */
  MAX_WAIT_SECONDS: envInt(1, 600).default(600),
  /** Runs of one subject that have not ended. */
  MAX_OPEN_RUNS: envInt(1, 10_000_000).default(50_000),
  /** Whether outputs are copied from the platforms: their links live from one minute to seven days. */
  REHOST_OUTPUTS: z.enum(['true', 'false']).default('true'),
  /** The largest output that is copied. */
  MAX_OUTPUT_BYTES: envInt(1, 10 * 1_073_741_824).default(512 * 1_048_576),
  /** What one replica does at once: submits, in all and at one platform. */
  POLLER_MAX_SUBMITS: envInt(1, 10_000).default(defaultPollerLimits.maxSubmits),
  POLLER_MAX_SUBMITS_PER_PLATFORM: envInt(1, 10_000).default(defaultPollerLimits.maxSubmitsPerPlatform),
  /** Polls. */
  POLLER_MAX_POLLS: envInt(1, 100_000).default(defaultPollerLimits.maxPolls),
  /** Runs whose outputs are copied. */
  POLLER_MAX_STORES: envInt(1, 10_000).default(defaultPollerLimits.maxStores),
  /** Runs that are kept leased: their platform answers in one long call, or pushes updates. */
  POLLER_MAX_HELD: envInt(1, 100_000).default(defaultPollerLimits.maxHeld),
  /** Runs of the models of this machine; by default as many as it has cores, and at least 2. */
  POLLER_MAX_LOCAL: envInt(1, 1_000).default(defaultPollerLimits.maxLocal),
  /** The longest that one submit may take, in milliseconds. */
  SUBMIT_TIMEOUT_MS: envInt(1_000, 300_000).default(30_000),
  /** How long after that a platform may still take it, or not list what it took: until then nothing is sent again. */
  SUBMIT_SETTLES_MS: envInt(1_000, 3_600_000).default(90_000),
  /** A folder that outlives the process, for jobs that were taken and are not in the database yet. */
  POLLER_JOURNAL_FOLDER: z.string().optional(),
  /** Whether platforms are told where to report jobs; `auto`: when PUBLIC_URL can be on the internet. */
  WEBHOOKS_IN: z.enum(['auto', 'on', 'off']).default('auto'),
  /** Addresses and CIDR ranges whose X-Forwarded-For is believed. */
  TRUSTED_PROXIES: envList.default([]),
  /** Beside PUBLIC_URL: origins of outputs that are not copied, which the view of a run may then show. */
  RUN_VIEW_ORIGINS: envList.default([]),
  /** How long the price of a signed quote holds. */
  QUOTE_TTL_SECONDS: envInt(30, 86_400).default(600),
  /** US dollars above which a person confirms a run; unset: only where a threshold is set for somebody. */
  CONFIRM_ABOVE: z.coerce.number().min(0).max(1e6).optional(),
  /** For how many days the audit trail is kept. */
  AUDIT_DAYS: envInt(1, 36_500).default(400),
  /** What becomes of a run of unknown price where a budget holds its subject. */
  UNPRICED: z.enum(['cap', 'deny', 'allow']).default('cap'),
  /** US dollars that such a run holds, and counts as while its cost stays unknown. */
  UNPRICED_CAP: z.coerce.number().min(0).max(1e6).default(1),
  /** What one unit of other currencies is worth in US dollars: EUR=1.08,GBP=1.27. */
  EXCHANGE_RATES: envList.default([]),
  /** Where emulated platforms are, for tests and for a first look: every provider goes there. */
  INFERRY_EMULATORS: z.url().optional(),
});

export interface InferenceConfig {
  maxWaitSeconds: number;
  maxOpenRuns: number;
  rehost: boolean;
  maxOutputBytes: number;
  limits: PollerLimits;
  timings: { submitTimeoutMs: number; submitSettlesMs: number };
  journalFolder: string | undefined;
  webhooksIn: 'auto' | 'on' | 'off';
  trustedProxies: AddressRanges;
  viewOrigins: readonly string[];
  money: MoneyRules;
  quoteTtlMs: number;
  auditDays: number;
  confirmAboveMicros: number | undefined;
  /** Emulated platforms keep their outputs on loopback. */
  allowPrivateOutputs: boolean;
}

/** Throws `ConfigError` with every problem at once. */
export function parseInferenceConfig(env: Env): InferenceConfig {
  const parsed = parseEnv(InferenceEnv, env);
  return Object.freeze({
    maxWaitSeconds: parsed.MAX_WAIT_SECONDS,
    maxOpenRuns: parsed.MAX_OPEN_RUNS,
    rehost: parsed.REHOST_OUTPUTS === 'true',
    maxOutputBytes: parsed.MAX_OUTPUT_BYTES,
    limits: {
      maxSubmits: parsed.POLLER_MAX_SUBMITS,
      maxSubmitsPerPlatform: parsed.POLLER_MAX_SUBMITS_PER_PLATFORM,
      maxPolls: parsed.POLLER_MAX_POLLS,
      maxStores: parsed.POLLER_MAX_STORES,
      maxHeld: parsed.POLLER_MAX_HELD,
      maxLocal: parsed.POLLER_MAX_LOCAL,
    },
    timings: { submitTimeoutMs: parsed.SUBMIT_TIMEOUT_MS, submitSettlesMs: parsed.SUBMIT_SETTLES_MS },
    journalFolder: parsed.POLLER_JOURNAL_FOLDER,
    webhooksIn: parsed.WEBHOOKS_IN,
    trustedProxies: readRanges(parsed.TRUSTED_PROXIES),
    viewOrigins: readOrigins(parsed.RUN_VIEW_ORIGINS),
    money: {
      rates: createExchangeRates(readRates(parsed.EXCHANGE_RATES)),
      unpriced: { policy: parsed.UNPRICED, capMicros: toMicros(parsed.UNPRICED_CAP) },
    },
    confirmAboveMicros: parsed.CONFIRM_ABOVE === undefined ? undefined : toMicros(parsed.CONFIRM_ABOVE),
    auditDays: parsed.AUDIT_DAYS,
    quoteTtlMs: parsed.QUOTE_TTL_SECONDS * 1_000,
    allowPrivateOutputs: parsed.INFERRY_EMULATORS !== undefined,
  });
}

/** They become part of a policy: nothing but an origin may stand there. */
function readOrigins(items: readonly string[]): readonly string[] {
  const wrong = items.find((item) => !/^https?:\/\//.test(item) || URL.parse(item)?.origin !== item);
  if (wrong !== undefined)
    throw new ConfigError([`RUN_VIEW_ORIGINS: ${wrong} is not an origin such as https://cdn.example.com`]);
  return items;
}

function readRates(items: readonly string[]): ReadonlyMap<string, number> {
  const rates = items.map((item): [string, number] => {
    const [, currency = '', amount = ''] = /^([A-Za-z]{2,20})=(\d+(?:\.\d+)?)$/.exec(item) ?? [];
    return [currency.toUpperCase(), Number(amount)];
  });
  const wrong = rates.findIndex(([currency, worth]) => currency === '' || !(worth > 0));
  if (wrong >= 0) {
    throw new ConfigError([
      `EXCHANGE_RATES: ${items[wrong]} does not say what a currency is worth, as EUR=1.08 does`,
    ]);
  }
  return new Map(rates);
}

function readRanges(items: readonly string[]): AddressRanges {
  try {
    return parseAddressRanges(items);
  } catch (error) {
    throw new ConfigError([`TRUSTED_PROXIES: ${error instanceof Error ? error.message : 'is not valid'}`]);
  }
}
