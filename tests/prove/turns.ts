// Whose turn it is, looked at after every write of a simulated world: of one tenant's runs at one platform the first in rank
// is taken first, no more of them in a while than an operator allows, and none of a batch for which that has no money left.

import type { Database, RunRow } from '@inferry/database';
import { sql } from 'kysely';
import { beginning } from './globals.ts';
import type { Scheduler } from './scheduler.ts';

/** Of a row of `runs`: it was given up and found again. It may be beside the run that has its place, which no bound can know of before. */
export const hasEndedBefore = sql`exists (select 1 from run_events where run_events.run_id = runs.run_id
  and run_events.status in ('succeeded', 'failed', 'cancelled', 'expired'))`;

/** How far the clocks of two replicas may be apart that know the time, and one who asks may be late. */
const slackMs = 2_500;

export interface SendRate {
  count: number;
  windowMs: number;
}

interface TurnOptions {
  database: Database;
  scheduler: Scheduler;
  violate(what: string): void;
}

export class Turns {
  /** Of the platform, where an operator bounds it. */
  rate: SendRate | undefined;
  readonly #options: TurnOptions;
  #before = new Map<string, RunRow>();
  /** When runs were taken to be sent. */
  readonly #takenAt: number[] = [];

  constructor(options: TurnOptions) {
    this.#options = options;
  }

  /** Called with the database as a write has left it. */
  async look(): Promise<void> {
    const { database, scheduler } = this.#options;
    const found = await database.queries.selectFrom('runs').selectAll().execute();
    const rows = new Map(found.map((row) => [row.run_id, row]));
    const now = beginning + scheduler.now;
    for (const row of found) {
      const before = this.#before.get(row.run_id);
      if (before?.phase !== 'queued' || row.phase !== 'queued') continue;
      if (before.next_poll_at === null && row.next_poll_at !== null) await this.#checkMoney(row, found);
      // Renewed, it is not taken.
      if (row.lease_owner === null || row.lease_until === before.lease_until) continue;
      if (before.lease_owner === row.lease_owner && !isFree(before, now)) continue;
      this.#checkOrder(row, rows, now);
      this.#checkRate(now);
    }
    this.#before = rows;
  }

  /** Another one that was due, and that nobody held, would have come before it. */
  #checkOrder(taken: RunRow, rows: ReadonlyMap<string, RunRow>, now: number): void {
    const { scheduler, violate } = this.#options;
    for (const other of this.#before.values()) {
      const isSameLane = other.provider === taken.provider && other.subject === taken.subject;
      if (!isSameLane || other.phase !== 'queued' || rankOf(other) >= rankOf(taken)) continue;
      if (other.next_poll_at === null || other.next_poll_at > now - slackMs) continue;
      if (!isFree(other, now - slackMs) || !isFree(rows.get(other.run_id) ?? taken, now)) continue;
      violate(`${taken.run_id} was taken before ${other.run_id}, whose turn it was`);
    }
    scheduler.count(taken.send_rank === null ? 'taken in turn' : 'taken by priority');
  }

  #checkRate(now: number): void {
    this.#takenAt.push(now);
    if (this.rate === undefined) return;
    const { count, windowMs } = this.rate;
    const first = this.#takenAt.at(-count - 1);
    if (first !== undefined && now - first < windowMs - slackMs)
      this.#options.violate(
        `${count + 1} runs were taken within ${Math.round(now - first)} ms, and ${count} may be in ${windowMs}`,
      );
  }

  /** What has ended is counted as it was charged, and what is under way as it was quoted. */
  async #checkMoney(row: RunRow, rows: readonly RunRow[]): Promise<void> {
    const { database, scheduler, violate } = this.#options;
    if (row.batch_id === null) return;
    const { max_cost_micros: most } = await database.queries
      .selectFrom('batches')
      .select('max_cost_micros')
      .where('batch_id', '=', row.batch_id)
      .executeTakeFirstOrThrow();
    if (most === null) return;
    scheduler.count('begun within max_cost');
    const begun = rows.filter(
      ({ batch_id: id, phase, next_poll_at: at }) =>
        id === row.batch_id && (phase !== 'queued' || at !== null),
    );
    const spent = begun.reduce((sum, one) => sum + Number(costOf(one)), 0);
    if (spent > Number(most))
      violate(`${row.run_id} was begun for ${spent} of its batch, which may cost ${most}`);
  }
}

function costOf({ phase, charged_micros: charged, estimated_micros: estimated }: RunRow): number {
  return (phase === 'done' ? charged : estimated) ?? 0;
}

function rankOf({ send_rank: rank, created_at: createdAt }: RunRow): number {
  return Number(rank ?? createdAt);
}

function isFree({ lease_owner: owner, lease_until: until }: RunRow, now: number): boolean {
  return owner === null || until === null || until <= now;
}
