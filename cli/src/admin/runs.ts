/** `npm run admin -- runs|providers|webhooks`: looked at, stopped, taken from whoever holds them, paused, sent again. */
import { runCancelRequested, runStatuses } from '@inferry/contracts';
import {
  countOpenRuns,
  findAnyRun,
  forgetRunPayload,
  listAnyRuns,
  listDeliveries,
  listPauses,
  markAssetsDeleted,
  type RunRow,
  readRunEvents,
  releaseAnyRun,
  replayDelivery,
  requestCancel,
  setPause,
} from '@inferry/database';
import { ConfigError } from '@inferry/runtime';
import { type AdminContext, type AdminVerbs, idOf, limitOf, refuse, tell, usage } from './context.ts';

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
    if (status !== undefined && !runStatuses.some((one) => one === status))
      throw new ConfigError([`--status: one of ${runStatuses.join(', ')}\n${usage}`]);
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
    if (!isOpen) return refuse(context, { run_id: runId }, `${runId} has ended: ${row.status}`);
    await context.note('run.cancel', runId, { subject: row.subject });
    const bus = await context.openBus();
    bus?.publish(runCancelRequested, { run_id: runId });
    await bus?.close();
    return tell(context, { run_id: runId }, `${runId} is stopped by whoever holds it`);
  },

  async release(context) {
    const runId = idOf(context);
    const isOpen = await releaseAnyRun(context.database.queries, { runId, now: context.now });
    if (!isOpen) return missing(context, 'run that goes on');
    await context.note('run.release', runId);
    return tell(context, { run_id: runId }, `${runId} is taken by whoever comes first`);
  },

  /** As its owner may: what went in and came out, here and, where it can be asked, at its platform. */
  async forget(context) {
    const runId = idOf(context);
    const { database, now, actor } = context;
    const done = await forgetRunPayload(database, {
      ...{ runId, now, actor, isWhole: true },
      outputs: () => '{"stored":[]}',
      isAsked: ({ handle }) => handle !== null,
    });
    if (done === undefined) return missing(context, 'run');
    if (done === 'goes_on') return refuse(context, { run_id: runId }, `${runId} goes on: cancel it first`);
    const files = await markAssetsDeleted(database.queries, { subject: done.row.subject, now, runId });
    return tell(
      context,
      { run_id: runId, files: files.length },
      `${runId} keeps nothing; ${files.length} files end`,
    );
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

/** Whatever has models, runs under way or a pause: a misspelt name would pause nobody. */
async function knownProviders({ database: { queries } }: AdminContext): Promise<string[]> {
  const listed = await queries.selectFrom('catalog_snapshots').select('provider').execute();
  const named = [...listed, ...(await countOpenRuns(queries)), ...(await listPauses(queries))];
  return [...new Set(named.map(({ provider }) => provider))].sort();
}

async function setMode(context: AdminContext, mode: 'pause' | 'drain' | undefined): Promise<number> {
  const provider = idOf(context);
  const { reason } = context.values;
  const known = await knownProviders(context);
  if (!known.includes(provider)) {
    const names = known.length === 0 ? 'none yet' : known.join(', ');
    return refuse(context, { provider }, `No platform is called ${provider}. Known: ${names}`);
  }
  const pause = mode && { mode, reason, at: context.now };
  await setPause(context.database.queries, { provider, pause });
  await context.note(`provider.${mode ?? 'resume'}`, provider, { reason });
  const said = { pause: 'is sent nothing: its runs wait', drain: 'takes no new runs', resume: 'goes on' };
  return tell(context, { provider, mode: mode ?? 'resume' }, `${provider} ${said[mode ?? 'resume']}`);
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
      return refuse(context, { delivery_id: id }, `${id} ${notReplayed[outcome ?? 'unknown']}`);
    }
    return tell(context, { delivery_id: id }, `${id} is sent again`);
  },
};

const notReplayed = {
  busy: 'is just being sent',
  emptied: 'tells of a run whose payload was deleted',
  unknown: 'is no webhook',
} as const;

function missing(context: AdminContext, what: string): number {
  return refuse(context, { id: context.id }, `There is no ${what} ${context.id}`);
}
