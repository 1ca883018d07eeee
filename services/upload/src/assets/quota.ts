/**
 * How long and how much is kept for whom, as the operator set it. What is promised and what is stored counts; each promise and
 * each end of an upload is made under a short lock of the tenant's own, so that uploads at once on all replicas cannot add up to
 * more. While the store of locks is away each replica has its own: what is stored meanwhile may go over by what the others take
 * at the same moment.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { AppError, callOf, deleteAssets, hint, listAssets, toAppError } from '@inferry/contracts';
import {
  type AssetRow,
  createPolicyReader,
  type Database,
  policyFor,
  type StoragePolicy,
} from '@inferry/database';
import { createInProcessLimits, type Limits } from '@inferry/limits';

interface QuotaLimits {
  /** Undefined: as much as there is. */
  bytes: number | undefined;
  files: number | undefined;
  /** A tenant's own bound of bytes, where an operator has set one. */
  bytesOf?(subject: string): Promise<number | undefined>;
}

interface Usage {
  bytes: number;
  files: number;
}

/** What runs were paid for is stored all the same, and counts; base64 that a gateway passes on is an upload. */
export function isExempt({ ref }: Pick<AssetRow, 'ref'>): boolean {
  return ref?.startsWith('ref:') === true && !ref.startsWith('ref:inline/');
}

export interface Quota {
  /** What one tenant may store; what is undefined is not bounded. */
  limitsOf(subject: string): Promise<{ bytes: number | undefined; files: number | undefined }>;
  usageOf(subject: string): Promise<Usage>;
  /** Runs `write` while nobody else stores for this tenant; throws when so much more does not fit. */
  reserve<T>(subject: string, more: Usage, write: () => Promise<T>): Promise<T>;
  /** Bytes that may still come; promises of other uploads are not among them. */
  leftFor(subject: string, ownPromise: number): Promise<number>;
}

/** A holder that died blocks its tenant for so long. */
const lockMs = 10_000;
const waitMs = 15_000;

export function createQuota(
  { queries }: Database,
  limits: Pick<Limits, 'acquire' | 'release'>,
  { bytes: usualBytes, files = Number.POSITIVE_INFINITY, bytesOf }: QuotaLimits,
): Quota {
  const alone = createInProcessLimits();

  async function maxBytes(subject: string): Promise<number> {
    return (await bytesOf?.(subject)) ?? usualBytes ?? Number.POSITIVE_INFINITY;
  }

  async function usageOf(subject: string): Promise<Usage> {
    const row = await queries
      .selectFrom('assets')
      .select(({ fn }) => [
        fn.count<number>('asset_id').as('files'),
        fn.sum<number>(fn.coalesce('size_bytes', 'declared_bytes')).as('bytes'),
      ])
      .where('subject', '=', subject)
      .where('state', 'in', ['pending', 'stored'])
      .executeTakeFirst();
    return { files: Number(row?.files ?? 0), bytes: Number(row?.bytes ?? 0) };
  }

  return {
    async limitsOf(subject) {
      const bytes = await maxBytes(subject);
      const bounded = (most: number) => (Number.isFinite(most) ? most : undefined);
      return { bytes: bounded(bytes), files: bounded(files) };
    },
    usageOf,
    async reserve(subject, more, write) {
      const bytes = await maxBytes(subject);
      if (!Number.isFinite(bytes) && !Number.isFinite(files)) return write();
      const key = `upload:quota:${subject}`;
      const held = await lock({ limits, alone }, key);
      try {
        const used = await usageOf(subject);
        if (more.files > 0 && used.files + more.files > files) throw full(`${files} files`);
        if (used.bytes + more.bytes > bytes) throw full(sizeText(bytes));
        return await write();
      } finally {
        // One that cannot be given back ends by itself.
        await held.by.release(key, held.token).catch(() => false);
      }
    },
    async leftFor(subject, ownPromise) {
      const bytes = await maxBytes(subject);
      if (!Number.isFinite(bytes)) return Number.POSITIVE_INFINITY;
      return Math.max(0, bytes - (await usageOf(subject)).bytes + ownPromise);
    },
  };
}

interface Held {
  by: Pick<Limits, 'acquire' | 'release'>;
  token: string;
}

async function lock(from: { limits: Held['by']; alone: Held['by'] }, key: string): Promise<Held> {
  for (const endsAt = Date.now() + waitMs; Date.now() < endsAt; await sleep(15)) {
    const held = await acquire(from.limits, key).catch((error: unknown) => {
      if (toAppError(error).code !== 'unavailable') throw error;
      return acquire(from.alone, key);
    });
    if (held !== undefined) return held;
  }
  throw new AppError('busy', 'Too many files are stored at once.', {
    retryAfterSeconds: 3,
    nextAction: 'Send the same request again in a few seconds.',
  });
}

async function acquire(by: Held['by'], key: string): Promise<Held | undefined> {
  const token = await by.acquire(key, lockMs);
  return token === undefined ? undefined : { by, token };
}

function sizeText(bytes: number): string {
  const gibibytes = bytes / 1024 ** 3;
  return gibibytes >= 1 ? `${Number(gibibytes.toFixed(1))} GiB` : `${Math.floor(bytes / 1024 ** 2)} MiB`;
}

/** What nobody may store beyond; the files of runs are stored all the same. */
export function full(bound: string): AppError {
  return new AppError(
    'storage_quota_exceeded',
    `This file does not fit: at most ${bound} are stored for you.`,
    {
      nextAction: `Wait for files to expire, store new ones with expires_in, or ask the operator for more${hint`; ${callOf(listAssets)} shows what is stored, and ${callOf(deleteAssets)} makes room`}.`,
    },
  );
}

export interface Whose {
  subject: string;
  /** The profile that it came by. */
  mount: string;
}

export interface Policies {
  all(): Promise<readonly StoragePolicy[]>;
  /** When a file that is made now ends: as was asked for, or as is usual here, and never later than its tenant's may. */
  endOf(whose: Whose, made: { at: number; expiresIn?: number | undefined }): Promise<number | null>;
  /** Undefined: as the deployment's own bound says. */
  maxBytesOf(subject: string): Promise<number | undefined>;
}

const dayMs = 86_400_000;

/** `fileSeconds`: how long files live that are given no end; undefined: for ever. */
export function createPolicies(
  { queries }: Database,
  { fileSeconds }: { fileSeconds: number | undefined },
): Policies {
  const all = createPolicyReader(queries);
  return {
    all,
    async endOf(whose, { at, expiresIn = fileSeconds }) {
      const { retentionDays } = policyFor(await all(), whose);
      const ends = [
        ...(expiresIn === undefined ? [] : [at + expiresIn * 1_000]),
        ...(retentionDays === undefined ? [] : [at + retentionDays * dayMs]),
      ];
      return ends.length === 0 ? null : Math.min(...ends);
    },
    maxBytesOf: async (subject) => policyFor(await all(), { subject, mount: '' }).maxBytes,
  };
}
