/** `npm run admin -- runs|providers|webhooks`: looked at, stopped, taken from whoever holds them, paused, sent again. */
import { runCancelRequested } from '@inferry/contracts';
import {
  countOpenRuns,
  findAnyRun,
  listAnyRuns,
  listDeliveries,
  listPauses,
  type RunRow,
  readRunEvents,
  releaseAnyRun,
  replayDelivery,
  requestCancel,
  setPause,
} from '@inferry/database';
import { type AdminContext, type AdminVerbs, idOf, limitOf } from './context.ts';

const micros = 1_000_000;
const shownTime = (at: number | null) => (at === null ? '' : new Date(Number(at)).toISOString());

/** What an operator needs of a run: never its input or its outputs. */
function shown(row: RunRow): Record<string, unknown> {
  return {
    run_id: row.run_id,
    ...{ subject: row.subject, client: row.client, mount: row.mount, model: row.model },
    ...{ status: row.status, phase: row.phase, created_at: shownTime(row.created_at) },
    ...{ finished_at: shownTime(row.finished_at), due_at: shownTime(row.next_poll_at) },
    ...{ held_by: row.lease_owner, held_until: shownTime(row.lease_until), upstream_id: row.upstream_id },
    currency: row.currency,
    reserved: row.phase === 'done' ? 0 : row.reserved_micros / micros,
    charged: row.charged_micros === null ? null : row.charged_micros / micros,
    error: row.error === null ? null : JSON.parse(row.error),
  };
}

export const runVerbs: AdminVerbs = {
  async list(context) {
    const { subject, provider, status, json } = context.values;
    const filter = { subject, provider, status, limit: limitOf(context) };
    const rows = await listAnyRuns(context.database.queries, filter);
    for (const row of rows) {
      const line = `${row.run_id}  ${shownTime(row.created_at)}  ${row.status}  ${row.subject}  ${row.model}`;
      context.print(json ? JSON.stringify(shown(row)) : line);
    }
    return 0;
  },

  async show(context) {
    const runId = idOf(context);
    const { queries } = context.database;
    const row = await findAnyRun(queries, runId);
    if (row === undefined) return missing(context, 'run');
    const events = await readRunEvents(queries, runId);
    const entries = await queries
      .selectFrom('ledger')
      .selectAll()
      .where('run_id', '=', runId)
      .orderBy('at')
      .execute();
    context.print(JSON.stringify({ ...shown(row), events, ledger: entries }, undefined, 2));
    return 0;
  },

  async cancel(context) {
    const runId = idOf(context);
    const { queries } = context.database;
    const row = await findAnyRun(queries, runId);
    if (row === undefined) return missing(context, 'run');
    const isOpen = await requestCancel(queries, { runId, subject: row.subject, at: context.now });
    if (!isOpen) {
      context.print(`${runId} has ended: ${row.status}`);
      return 1;
    }
    await context.note('run.cancel', runId, { subject: row.subject });
    const bus = await context.openBus();
    bus?.publish(runCancelRequested, { run_id: runId });
    await bus?.close();
    context.print(`${runId} is stopped by whoever holds it`);
    return 0;
  },

  async release(context) {
    const runId = idOf(context);
    const isOpen = await releaseAnyRun(context.database.queries, { runId, now: context.now });
    if (!isOpen) return missing(context, 'run that goes on');
    await context.note('run.release', runId);
    context.print(`${runId} is taken by whoever comes first`);
    return 0;
  },
};

export const providerVerbs: AdminVerbs = {
  async list({ database, print, values }) {
    const counts = await countOpenRuns(database.queries);
    const pauses = await listPauses(database.queries);
    const names = new Set([...counts, ...pauses].map(({ provider }) => provider));
    for (const provider of [...names].sort()) {
      const open = phasesOf(counts.filter((count) => count.provider === provider));
      const pause = pauses.find((one) => one.provider === provider);
      if (values.json) {
        const phases = Object.fromEntries(open);
        print(JSON.stringify({ provider, phases, ...(pause && { mode: pause.mode, reason: pause.reason }) }));
      } else {
        const runs = [...open].map(([phase, count]) => `${count} ${phase}`).join(', ') || 'nothing under way';
        print(`${provider}: ${runs}${pause === undefined ? '' : `; ${pause.mode} ${pause.reason}`}`);
      }
    }
    if (names.size === 0) print('Nothing is under way or paused.');
    return 0;
  },
  pause: (context) => setMode(context, 'pause'),
  drain: (context) => setMode(context, 'drain'),
  resume: (context) => setMode(context, undefined),
};

/** How many runs are in which phase, whatever they are priced in. */
function phasesOf(counts: readonly { phase: string; count: number }[]): Map<string, number> {
  const open = new Map<string, number>();
  for (const { phase, count } of counts) open.set(phase, (open.get(phase) ?? 0) + count);
  return open;
}

async function setMode(context: AdminContext, mode: 'pause' | 'drain' | undefined): Promise<number> {
  const provider = idOf(context);
  const { reason } = context.values;
  const pause = mode && { mode, reason, at: context.now };
  await setPause(context.database.queries, { provider, pause });
  await context.note(`provider.${mode ?? 'resume'}`, provider, { reason });
  const said = { pause: 'is sent nothing: its runs wait', drain: 'takes no new runs', resume: 'goes on' };
  context.print(`${provider} ${said[mode ?? 'resume']}`);
  return 0;
}

export const webhookVerbs: AdminVerbs = {
  async list(context) {
    const { run: runId, failed: isFailed, json } = context.values;
    const state = isFailed ? ('given_up' as const) : undefined;
    const request = { runId, state, limit: limitOf(context) };
    for (const row of await listDeliveries(context.database.queries, request)) {
      const state =
        row.delivered_at !== null
          ? `delivered ${shownTime(row.delivered_at)}`
          : row.next_attempt_at === null
            ? 'given up'
            : `due ${shownTime(row.next_attempt_at)}`;
      const line = `${row.delivery_id}  ${state}, ${row.attempts} attempts, last ${row.last_status ?? 'none'}  ${row.url}`;
      context.print(json ? JSON.stringify(row) : line);
    }
    return 0;
  },

  async replay(context) {
    const id = idOf(context);
    const outcome = await replayDelivery(context.database, { id, now: context.now, actor: context.actor });
    if (outcome !== 'replayed') {
      context.print(`${id} ${notReplayed[outcome ?? 'unknown']}`);
      return 1;
    }
    context.print(`${id} is sent again`);
    return 0;
  },
};

const notReplayed = {
  busy: 'is just being sent',
  emptied: 'tells of a run whose payload was deleted',
  unknown: 'is no webhook',
} as const;

function missing({ print, id }: AdminContext, what: string): number {
  print(`There is no ${what} ${id}`);
  return 1;
}
