// The guards of paid runs, each taken out of the code as it is loaded: a prover that finds no fault then proves nothing. A line
// that is not there any more ends the run, so that nobody believes in a guard that has moved.
import { readFileSync } from 'node:fs';
import { registerHooks } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

interface Mutation {
  /** What the guard keeps from happening. */
  guards: string;
  file: string;
  /** Lines and what becomes of them. */
  edits: readonly (readonly [line: string, becomes: string])[];
}

const poller = 'services/inference-poller/src';
const runs = 'libs/database/src/runs';

export const mutations = {
  lease_before_leaving: {
    guards: 'a process that stood still sends what others may have sent',
    file: `${poller}/poller/submit-run.ts`,
    edits: [[' && isLeaseSafe(this.#deps, this.#held) && this.#isInTime();', ';']],
  },
  age_of_a_submit: {
    guards: 'a process that stood still sends what was written down as sent long ago',
    file: `${poller}/poller/submit-run.ts`,
    edits: [[' && this.#isInTime();', ';']],
  },
  sleep_of_the_machine: {
    guards: 'a machine that slept takes its lease for valid',
    file: `${poller}/poller/held-run.ts`,
    edits: [['return deps.now() + deps.sleptMs();', 'return deps.now();']],
  },
  settle_bound: {
    guards: '"absent" is believed while the submit can still be taken',
    file: `${poller}/poller/recover-run.ts`,
    edits: [
      [
        'const absences = now < settledAt ? 0 : (optionsOf(row).absences ?? 0) + 1;',
        'const absences = (optionsOf(row).absences ?? 0) + 1;',
      ],
    ],
  },
  several_absences: {
    guards: 'one stale list is believed',
    file: `${poller}/poller/recover-run.ts`,
    edits: [['const wantedAbsences = 3;', 'const wantedAbsences = 1;']],
  },
  lost_reply: {
    guards: 'a reply that was lost counts as a submit that was not taken',
    file: `${poller}/poller/submit-run.ts`,
    edits: [['if (sending.hasLeft && !isAnswer) return loseReply(deps, held, failure);', '']],
  },
  memory_of_answers: {
    guards: 'a job that the database did not take at once is forgotten',
    file: `${poller}/poller/submit-run.ts`,
    edits: [['deps.insistence.insist(runId, () => adopt(deps, told));', '']],
  },
  journal: {
    guards: 'what a process knew dies with it',
    file: `${poller}/poller/submit-facts.ts`,
    edits: [['const file = this.#fileOf(folder, entry.run_id);', 'return;']],
  },
  notes: {
    guards: 'what a process knew dies with its machine',
    file: `${poller}/poller/submit-facts.ts`,
    edits: [['this.#note(entry);', '']],
  },
  answers_awaited: {
    guards: 'a process that is told to stop ends before the answer of its paid call',
    file: `${poller}/poller/poller.ts`,
    edits: [['await Promise.race([this.#deps.insistence.answered(), late]);', '']],
  },
  unreadable_answers: {
    guards: 'an answer that nobody can read counts as a refusal',
    file: `${poller}/poller/submit-run.ts`,
    edits: [["  'upstream_malformed',\n", '']],
  },
  refused_inputs: {
    guards: 'what one platform refuses as it is, is sent to another',
    file: `${poller}/poller/fail-over.ts`,
    edits: [[' || ofTheInput.has(code)', '']],
  },
  fence_of_writes: {
    guards: 'whoever lost a run goes on writing to it',
    file: `${runs}/run-writes.ts`,
    edits: [[".where('lease_owner', '=', lease.owner)\n    .where('version', '=', lease.version)", '']],
  },
  clock_of_the_database: {
    guards: 'deadlines go by a clock that was set wrongly',
    file: 'libs/runtime/src/shared-clock.ts',
    edits: [['return Math.round(store + (performance.now() - monotonic));', 'return Date.now();']],
  },
  steady_deadlines: {
    guards: 'a clock that is set makes a caller wait',
    file: 'libs/bus/src/frames.ts',
    edits: [['return Math.round(performance.timeOrigin + performance.now());', 'return Date.now();']],
  },
  bound_on_what_is_under_way: {
    guards: 'more runs are at a platform at once than an operator allows',
    file: `${runs}/run-limits.ts`,
    edits: [['const places = atOnce - underWay - memory.taken.length;', 'const places = atOnce - underWay;']],
  },
  concurrency_of_batches: {
    guards: 'more of a batch are under way than it allows',
    file: `${poller}/batches/batch-driver.ts`,
    edits: [['const free = batch.concurrency - underWay;', 'const free = batch.concurrency;']],
  },
  stop_of_batches: {
    guards: 'a batch goes on that was cancelled',
    file: `${poller}/batches/batch-driver.ts`,
    edits: [["if (batch.cancel_requested_at !== null) return { kind: 'stop', why: 'cancelled' };", '']],
  },
  one_batch_per_reference: {
    guards: 'the same reference starts two batches',
    file: `${poller}/batches/start-batch.ts`,
    edits: [['idempotency_key: key,', 'idempotency_key: key + randomUUID(),']],
  },
  hold_of_the_budget: {
    guards: 'several runs spend the same money',
    file: `${runs}/budgets.ts`,
    edits: [['heldMicros: holding.micros,', 'heldMicros: 0,']],
  },
  release_of_holds: {
    guards: 'a run that has ended goes on holding money',
    file: `${runs}/run-writes.ts`,
    edits: [['if (row.reserved_micros > 0) {', 'if (row.reserved_micros < 0) {']],
  },
  time_after_a_sleep: {
    guards: 'a machine that slept writes times by a clock that stood still',
    file: 'libs/runtime/src/shared-clock.ts',
    edits: [
      ['return this.#sample !== undefined && this.sleptMs() === 0;', 'return this.#sample !== undefined;'],
    ],
  },
  answers_slept_over: {
    guards: 'an answer that a machine slept over tells it the time',
    file: 'libs/runtime/src/shared-clock.ts',
    edits: [['if (sleptBetween(before, after) > 0) return await this.#ask();', '']],
  },
  elsewhere_if_untaken: {
    guards: 'a run whose reply was lost goes on at an equal model',
    file: `${poller}/poller/submit-run.ts`,
    edits: [
      [
        'if (sending.hasLeft && !isAnswer) return loseReply(deps, held, failure);',
        'if (sending.hasLeft && !isAnswer) return (await failOver(deps, held, { error, hasLeft: true })) ? undefined : loseReply(deps, held, failure);',
      ],
    ],
  },
  priorities: {
    guards: 'a run of low priority is sent before one of high',
    file: `${runs}/run-leases.ts`,
    edits: [
      [
        'const inTurn = sql`coalesce(runs.send_rank, runs.created_at)`;',
        'const inTurn = sql`runs.created_at`;',
      ],
    ],
  },
  rate_of_sending: {
    guards: 'more runs are sent to a platform in a while than an operator allows',
    file: `${runs}/run-limits.ts`,
    edits: [
      [
        'const sends = rate === undefined ? Number.POSITIVE_INFINITY : rate.count - sentIn(memory);',
        'const sends = Number.POSITIVE_INFINITY;',
      ],
    ],
  },
  bound_on_a_tenant: {
    guards: 'more runs of a tenant are under way at once than an operator allows',
    file: `${runs}/run-limits.ts`,
    edits: [["{ scope: 'subject', value: subject },\n", '']],
  },
  cost_of_batches: {
    guards: 'runs of a batch begin for which it has no money left',
    file: `${poller}/batches/batch-driver.ts`,
    edits: [['return beyond === -1 ? rows : rows.slice(0, beyond);', 'return rows;']],
  },
  entries_taken_back: {
    guards: 'a run that was given up and found again is charged twice',
    file: `${runs}/submit-facts.ts`,
    edits: [['await takeBackEntries(queries, row.run_id);', '']],
  },
  secret_of_reports: {
    guards: 'a stranger reports the end of a run',
    file: `${poller}/webhooks-in/hook-urls.ts`,
    edits: [['if (!isSameText(signature, expected)) return undefined;', '']],
  },
  tenant: {
    guards: 'one tenant reads the runs of another',
    file: `${runs}/run-rows.ts`,
    edits: [[".selectAll().where('subject', '=', key.subject);", '.selectAll();']],
  },
  one_run_per_reference: {
    guards: 'the same reference starts two runs',
    file: `${poller}/runs/start-run.ts`,
    edits: [['const key = keyOf(request, callId);', 'const key = keyOf(request, callId) + randomUUID();']],
  },
  deadline_of_calls: {
    guards: 'a caller waits for whoever cannot answer',
    file: 'libs/bus/src/caller.ts',
    edits: [
      [
        'if (now >= call.deadlineAt) this.#endLate(call, isSilent);',
        'if (false) this.#endLate(call, isSilent);',
      ],
    ],
  },
} as const satisfies Record<string, Mutation>;
export type MutationName = keyof typeof mutations;

export const mutationNames = Object.keys(mutations).filter(isMutation);

export function isMutation(name: string): name is MutationName {
  return Object.hasOwn(mutations, name);
}

/** Before anything of the product is loaded. */
export function mutate(name: MutationName): void {
  const { file, edits } = mutations[name];
  const path = join(import.meta.dirname, '..', '..', file);
  let text = readFileSync(path, 'utf8');
  for (const [line, becomes] of edits) {
    if (text.split(line).length !== 2)
      throw new Error(`${file} has not exactly one line "${line}": ${name} proves nothing`);
    text = text.replace(line, () => becomes);
  }
  const url = pathToFileURL(path).href;
  registerHooks({
    load(asked, context, next) {
      const loaded = next(asked, context);
      return asked === url ? { ...loaded, source: text } : loaded;
    },
  });
}
