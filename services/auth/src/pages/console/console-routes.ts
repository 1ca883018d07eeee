/** The pages of runs, of costs, and of the deployment for its operators. */
import {
  AppError,
  browseRuns,
  cancelRun,
  getRun,
  listProviders,
  operate,
  operatorScope,
  readOperation,
  readSpend,
} from '@inferry/contracts';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { z } from 'zod';
import { type Action, idOf, noticeOf, queryOf, type SignedIn, takePost } from '../account/post.ts';
import { asking, type ConsoleDeps, missing, part, type Show, sender, viewerOf } from './asking.ts';
import { mountBatches } from './batch-routes.ts';
import { costRanges, costsCsv, costsPage } from './costs-page.ts';
import { mountFiles } from './file-routes.ts';
import { liveScript } from './frame.ts';
import { operatorPage } from './operator-page.ts';
import { runPage, runsPage, runUrl, statusGroups } from './runs-page.ts';

const pageSize = 25;
const dayMs = 86_400_000;
/** What fits one answer of the bus. */
const mostSpendRows = 4_000;
const maxTextChars = 20_000;

export function mountConsole(scope: FastifyInstance, deps: ConsoleDeps): void {
  const pages: Readonly<Record<string, Show>> = {
    '/account/runs': showRuns,
    '/account/runs/:id': showRun,
    '/account/costs': showCosts,
    '/account/costs.csv': sendCosts,
    '/account/operator': showOperator,
  };
  for (const [url, show] of Object.entries(pages)) {
    scope.get(url, async (request, reply) => {
      const session = await deps.sessions.read(request.headers);
      if (session === undefined) return reply.redirect('/account/sign-in', 303);
      return show(deps, { request, reply, session }, noticeOf(request));
    });
  }
  scope.get('/account/live.js', (_request, reply) =>
    reply
      .headers({ 'content-type': 'text/javascript; charset=utf-8', 'cache-control': 'private, max-age=3600' })
      .headers({ 'x-content-type-options': 'nosniff' })
      .send(liveScript),
  );
  mountForms(scope, deps);
  mountFiles(scope, deps);
  mountBatches(scope, deps);
}

function mountForms(scope: FastifyInstance, deps: ConsoleDeps): void {
  scope.post('/account/runs/:id/cancel', (request, reply) =>
    takePost(
      deps,
      { request, reply },
      { action: cancel, next: ({ id }) => runUrl({ run_id: id }), show: (...way) => showRun(deps, ...way) },
    ),
  );
  const operations: Readonly<Record<string, Action<ConsoleDeps>>> = {
    '/account/operator/providers/:id/stop': stop,
    '/account/operator/providers/:id/resume': operation('resume', 'resumed'),
    '/account/operator/webhooks/:id/replay': operation('replay', 'replayed'),
  };
  for (const [url, action] of Object.entries(operations)) {
    scope.post(url, (request, reply) =>
      takePost(
        deps,
        { request, reply },
        { action, next: () => '/account/operator', show: (...way) => showOperator(deps, ...way) },
      ),
    );
  }
}

const showRuns: Show = async (deps, way) => {
  const [status, text, model, cursor] = ['status', 'text', 'model', 'cursor'].map((name) =>
    queryOf(way.request, name).trim(),
  );
  const filter = {
    status: status ?? '',
    text: (text ?? '').slice(0, 200),
    model: (model ?? '').slice(0, 300),
  };
  const statuses = Object.hasOwn(statusGroups, filter.status) ? statusGroups[filter.status] : undefined;
  const asked = {
    limit: pageSize,
    ...(statuses === undefined ? {} : { statuses: [...statuses] }),
    ...(filter.text === '' ? {} : { text: filter.text }),
    ...(filter.model === '' ? {} : { model: filter.model }),
    ...(cursor ? { cursor } : {}),
  };
  const page = await part(deps, deps.bus.call(browseRuns, asked, asking(way)));
  const view = {
    ...viewerOf(deps, way.session),
    filter,
    isFirst: !cursor,
    page: page && { runs: page.runs, nextCursor: page.next_cursor, searched: page.searched },
  };
  return sender(deps, way)(runsPage(deps.branding, view));
};

const showRun: Show = async (deps, way, notice) => {
  const asked = {
    run_id: idOf(way.request).slice(0, 100),
    include: ['outputs' as const, 'input' as const, 'events' as const, 'logs' as const, 'upstream' as const],
    max_chars: maxTextChars,
  };
  const found = await deps.bus.call(getRun, asked, asking(way)).catch((error: unknown) => {
    throw error instanceof AppError && error.code === 'run_not_found' ? missing() : error;
  });
  const { run, input, events = [], logs = [], diagnosis, error } = found;
  if (run === undefined) throw missing();
  const view = { ...viewerOf(deps, way.session), run, input, events, logs, diagnosis, error, notice };
  return sender(deps, way, notice)(runPage(deps.branding, view));
};

interface Window {
  days: number;
  since: number;
  until: number;
}

/** Whole days in UTC, today with them. */
function windowOf(deps: ConsoleDeps, request: FastifyRequest): Window {
  const asked = Number(queryOf(request, 'days'));
  const days = costRanges.find((range) => range === asked) ?? 30;
  const until = (Math.floor(deps.now() / dayMs) + 1) * dayMs;
  return { days, since: until - days * dayMs, until };
}

async function readCosts(deps: ConsoleDeps, way: SignedIn, { since, until }: Window) {
  const asked = {
    since: new Date(since).toISOString(),
    until: new Date(until).toISOString(),
    by: ['day' as const, 'model' as const],
    limit: mostSpendRows,
  };
  return deps.bus.call(readSpend, asked, asking(way));
}

const showCosts: Show = async (deps, way) => {
  const window = windowOf(deps, way.request);
  const read = await part(deps, readCosts(deps, way, window));
  const costs = { ...window, rows: read?.rows, isFolded: read?.is_folded === true };
  return sender(deps, way)(costsPage(deps.branding, { ...viewerOf(deps, way.session), ...costs }));
};

const sendCosts: Show = async (deps, way) => {
  const window = windowOf(deps, way.request);
  const { rows } = await readCosts(deps, way, window);
  const name = `costs-${new Date(window.since).toISOString().slice(0, 10)}-${window.days}-days.csv`;
  return way.reply
    .headers({ 'content-type': 'text/csv; charset=utf-8', 'cache-control': 'no-store' })
    .headers({ 'content-disposition': `attachment; filename="${name}"`, 'x-content-type-options': 'nosniff' })
    .send(costsCsv(rows));
};

const showOperator: Show = async (deps, way, notice) => {
  refuseOthers(deps, way);
  const isFailedOnly = queryOf(way.request, 'webhooks') === 'failed';
  const own = asking(way, operatorScope);
  const since = new Date(deps.now() - 30 * dayMs).toISOString();
  type Wanted = Pick<z.input<typeof readOperation.input>, 'part' | 'since' | 'is_failed'>;
  const read = (asked: Wanted) => part(deps, deps.bus.call(readOperation, { ...asked, limit: 50 }, own));
  const [platforms, limits, spend, webhooks, known] = await Promise.all([
    read({ part: 'platforms' }),
    read({ part: 'limits' }),
    read({ part: 'spend', since }),
    read({ part: 'webhooks', is_failed: isFailedOnly }),
    part(deps, deps.bus.call(listProviders, {}, own)),
  ]);
  const view = {
    ...viewerOf(deps, way.session),
    ...{ platforms: platforms?.platforms, providers: known?.providers, spend: spend?.spend },
    ...{ limits: limits?.limits, limitUses: limits?.limit_uses, areLimitsCut: limits?.is_cut === true },
    ...{ isSpendCut: spend?.is_cut === true, webhooks: webhooks?.webhooks, isFailedOnly, notice },
    areWebhooksCut: webhooks?.is_cut === true,
  };
  return sender(deps, way, notice)(operatorPage(deps.branding, view));
};

/** For everybody else there is no such page. */
function refuseOthers({ isOperator }: ConsoleDeps, { session }: SignedIn): void {
  if (!isOperator(session.account)) throw missing();
}

const cancelled = {
  confirmed: 'cancelled',
  requested: 'cancel-asked',
  already_finished: 'cancel-late',
  unsupported: 'cancel-never',
} as const;

const cancel: Action<ConsoleDeps> = async (deps, way) => {
  const { outcome } = await deps.bus.call(
    cancelRun,
    { run_id: way.id.slice(0, 100) },
    {
      ...asking(way, 'runs:write'),
      timeoutMs: 15_000,
    },
  );
  return cancelled[outcome ?? 'requested'];
};

const stop: Action<ConsoleDeps> = (deps, way) =>
  way.form.get('mode') === 'drain'
    ? operation('drain', 'drained')(deps, way)
    : operation('pause', 'paused')(deps, way);

function operation(action: 'pause' | 'drain' | 'resume' | 'replay', said: string): Action<ConsoleDeps> {
  return async (deps, way) => {
    refuseOthers(deps, way);
    const reason = way.form.get('reason').trim().slice(0, 500);
    await deps.bus.call(
      operate,
      { action, object: way.id.slice(0, 200), reason },
      asking(way, operatorScope),
    );
    return said;
  };
}
