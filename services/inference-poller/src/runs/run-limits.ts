/** How many runs a tenant or a platform may have under way, as the operator set it last; and where a run that waits stands. */
import {
  boundsOf,
  listPauses,
  listRunLimits,
  type Queries,
  type RunLimit,
  type RunRow,
  readQueuePlace,
  rulesOf,
} from '@inferry/database';

export interface RunLimits {
  /** Read again every few seconds. */
  known(): Promise<readonly RunLimit[]>;
  /** Runs of a tenant that have not ended. */
  mostOpen(subject: string): Promise<number>;
}

const readEveryMs = 5_000;

export function createRunLimits({
  queries,
  now,
  maxOpenRuns,
}: {
  queries: Queries;
  now(): number;
  maxOpenRuns: number;
}): RunLimits {
  let read: { at: number; limits: Promise<readonly RunLimit[]> } | undefined;
  async function known(): Promise<readonly RunLimit[]> {
    const at = now();
    if (read === undefined || at - read.at >= readEveryMs || at < read.at) {
      read = { at, limits: listRunLimits(queries) };
    }
    const mine = read;
    return mine.limits.catch((error: unknown) => {
      if (read === mine) read = undefined;
      throw error;
    });
  }
  return {
    known,
    async mostOpen(subject) {
      return rulesOf(await known(), { scope: 'subject', value: subject }).open ?? maxOpenRuns;
    },
  };
}

/** Whether the operator bounds what is sent for this tenant, or to this platform: then a run that waits is not late. */
export function isBounded(limits: readonly RunLimit[], row: Pick<RunRow, 'provider' | 'subject'>): boolean {
  return boundsOf(limits, row).length > 0;
}

export interface QueuePlace {
  /** From 1, among the tenant's runs that wait for that platform. */
  position: number;
  /** In words; undefined where nothing but its turn holds it up. */
  why: string | undefined;
}

/** Where a run stands that waits to be sent; undefined where it does not, or is just being sent. */
export async function queuePlaceOf(
  { queries, limits, now }: { queries: Queries; limits: RunLimits; now: number },
  row: RunRow,
): Promise<QueuePlace | undefined> {
  const { phase, next_poll_at: dueAt, lease_until: leaseUntil } = row;
  if (phase !== 'queued' || dueAt === null || dueAt > now || (leaseUntil ?? 0) > now) return undefined;
  const { before, full } = await readQueuePlace(queries, row, { limits: await limits.known(), now });
  const pauses = await listPauses(queries);
  const isPaused = pauses.some(({ provider, mode }) => provider === row.provider && mode === 'pause');
  const [first] = full;
  const reason = isPaused ? `${row.provider} is paused here` : first && wordsOf(first, row.provider);
  const ahead = before === 0 ? 'It is the next of yours' : `${before} of yours are before it`;
  return { position: before + 1, why: reason && `It waits for its turn: ${reason}. ${ahead}.` };
}

type Full = Awaited<ReturnType<typeof readQueuePlace>>['full'][number];

function wordsOf({ scope, what, atOnce = 0, rate }: Full, provider: string): string {
  const whose = scope === 'subject' ? 'you have' : `${provider} has`;
  if (what === 'at_once') return `${whose} as many runs under way as there may be at once here (${atOnce})`;
  return `${whose} had as many runs sent as there may be (${rate?.count ?? 0} in ${spanOf(rate?.windowMs ?? 0)})`;
}

function spanOf(windowMs: number): string {
  const spans = [
    [86_400_000, 'a day'],
    [3_600_000, 'an hour'],
    [60_000, 'a minute'],
    [1_000, 'a second'],
  ] as const;
  return spans.find(([ms]) => ms === windowMs)?.[1] ?? `${windowMs / 1_000} s`;
}
