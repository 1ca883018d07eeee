// Callers who start a batch in a simulated world: the same one for the same reference, never more of its runs under way than it
// allows, and none begun once it was cancelled.
import { cancelBatch, getBatch, type JsonObject, runBatch } from '@inferry/contracts';
import type { Database } from '@inferry/database';
import { sql } from 'kysely';
import type { Callers } from './callers.ts';
import type { Scheduler } from './scheduler.ts';
import { hasEndedBefore } from './turns.ts';

interface BatchReply {
  batch?: { batch_id?: string };
}

export class BatchCallers {
  readonly #callers: Callers;
  readonly #database: Database;
  readonly #scheduler: Scheduler;
  /** Of runs that wait in a batch whose owner was told that it is cancelled. */
  readonly #ended = new Set<string>();
  #batchId: string | undefined;

  constructor(callers: Callers, { database, scheduler }: { database: Database; scheduler: Scheduler }) {
    this.#callers = callers;
    this.#database = database;
    this.#scheduler = scheduler;
  }

  /** At that time somebody starts a batch, once or twice at once, and perhaps stops it. */
  schedule(atMs: number): void {
    const { random } = this.#scheduler;
    const most = random.between(3, 6);
    const args = {
      ...{ model: 'sim/model', inputs: Array.from({ length: most }, (_, index) => ({ index })) },
      ...{ concurrency: random.between(1, 2), client_ref: 'sheet', wait_seconds: 0 },
      // As much as all of it is quoted at, which a platform may not keep to.
      ...(random.chance(0.5) && { max_cost: most / 2 }),
    };
    const times = random.chance(0.4) ? 2 : 1;
    for (let index = 0; index < times; index += 1)
      this.#callers.at(atMs + index * random.between(0, 30), 'ada starts a batch', () => this.#start(args));
  }

  /** A submit of a run leaves: others of its batch may be under way, as many as it allows. */
  async noteSubmit(runId: string): Promise<void> {
    if (this.#ended.has(runId)) this.#callers.violate(`${runId} was sent, and its batch is cancelled`);
    const { rows } = await sql<{ open: number; most: number }>`
      select count(*) as open, max(concurrency) as most from runs join batches on batches.batch_id = runs.batch_id
      where runs.batch_id = (select batch_id from runs where run_id = ${runId}) and phase <> 'done'
        and runs.next_poll_at is not null
        and not ${hasEndedBefore}`.execute(this.#database.queries);
    const [{ open, most } = { open: 0, most: 0 }] = rows;
    if (open > most) this.#callers.violate(`${open} runs of a batch were under way, and it allows ${most}`);
  }

  async #start(args: JsonObject): Promise<void> {
    const { random } = this.#scheduler;
    for (let attempt = 1; attempt <= 4 && this.#batchId === undefined; attempt += 1) {
      if (attempt > 1) await this.#callers.pause(1_000 * attempt);
      const reply = await this.#callers.call('ada', { operation: runBatch, args, waitSeconds: 0 });
      const { batch } = reply as BatchReply;
      if (batch?.batch_id !== undefined) this.#learn(batch.batch_id);
    }
    if (this.#batchId === undefined) return;
    if (random.chance(0.35)) return this.#cancel(this.#batchId);
    const look = { batch_id: this.#batchId, wait_seconds: 6 };
    await this.#callers.call('ada', { operation: getBatch, args: look, waitSeconds: 6 });
  }

  async #cancel(batchId: string): Promise<void> {
    await this.#callers.pause(this.#scheduler.random.between(100, 3_000));
    const args = { batch_id: batchId };
    const reply = await this.#callers.call('ada', { operation: cancelBatch, args, waitSeconds: 5 });
    if ((reply as BatchReply).batch === undefined) return;
    this.#scheduler.count('batch cancelled');
    const { rows } = await sql<{ run_id: string }>`select run_id from runs
      where batch_id = ${batchId} and phase = 'queued' and next_poll_at is null`.execute(
      this.#database.queries,
    );
    for (const { run_id: id } of rows) this.#ended.add(id);
  }

  #learn(batchId: string): void {
    const known = this.#batchId ?? batchId;
    if (known !== batchId) this.#callers.violate(`one reference is ${known} and ${batchId}`);
    this.#batchId = batchId;
    this.#scheduler.count('batch');
  }
}

/** Each batch has ended, with all of its runs. */
export async function batchProblems({ queries }: Database): Promise<string[]> {
  const { rows } = await sql<{ batch_id: string; total: number; runs: number; finished_at: number | null }>`
    select batch_id, total, finished_at,
      (select count(*) from runs where runs.batch_id = batches.batch_id and phase = 'done') as runs from batches`.execute(
    queries,
  );
  const wrong = rows.filter(({ total, runs, finished_at: at }) => runs !== total || at === null);
  const tooMany = rows.length > 1 ? [`one reference started ${rows.length} batches`] : [];
  return [
    ...tooMany,
    ...wrong.map(({ batch_id: id, runs, total }) => `${id} did not end: ${runs} of ${total} runs did`),
  ];
}
