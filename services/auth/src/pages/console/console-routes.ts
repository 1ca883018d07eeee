/** The pages behind the account: what each asks other services for, as the person who looks and with no more rights than it needs. */
import type { Bus } from '@inferry/bus';
import {
  AppError,
  browseRuns,
  cancelRun,
  getRun,
  listProviders,
  operate,
  operatorScope,
  type Principal,
  readOperation,
  readOutputs,
  readSpend,
  readWaveform,
  resolveAssets,
  viewOutput,
} from '@inferry/contracts';
import { palettesOf } from '@inferry/pages';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Account } from '../../identity/accounts.ts';
import type { Session, Sessions } from '../../identity/sessions.ts';
import { pagePrincipal } from '../../identity/user-connections.ts';
import type { Notice } from '../account/account-view.ts';
import { type Action, idOf, noticeOf, queryOf, type SignedIn, takePost } from '../account/post.ts';
import type { PageParts } from '../layout.ts';
import { abortOf, type PageContext } from '../page-context.ts';
import { costRanges, costsCsv, costsPage } from './costs-page.ts';
import { filesPage } from './files-page.ts';
import { liveScript, type Viewer } from './frame.ts';
import { waveform } from './media.ts';
import { operatorPage } from './operator-page.ts';
import { runPage, runsPage, runUrl, statusGroups } from './runs-page.ts';

export interface ConsoleDeps extends PageContext {
  bus: Pick<Bus, 'call'>;
  sessions: Sessions;
  isOperator(account: Account): boolean;
  now(): number;
}

type Show = (deps: ConsoleDeps, way: SignedIn, notice?: Notice) => Promise<FastifyReply>;

const pageSize = 25;
const wallSize = 24;
const questionTimeoutMs = 4_000;
const pictureTimeoutMs = 20_000;
const dayMs = 86_400_000;
const mostSpendRows = 20_000;
const maxTextChars = 20_000;

export function mountConsole(scope: FastifyInstance, deps: ConsoleDeps): void {
  const pages: Readonly<Record<string, Show>> = {
    '/account/runs': showRuns,
    '/account/runs/:id': showRun,
    '/account/costs': showCosts,
    '/account/costs.csv': sendCosts,
    '/account/files': showFiles,
    '/account/operator': showOperator,
  };
  for (const [url, show] of Object.entries(pages)) {
    scope.get(url, async (request, reply) => {
      const session = await deps.sessions.read(request.headers);
      if (session === undefined) return reply.redirect('/account/sign-in', 303);
      return show(deps, { request, reply, session }, noticeOf(request));
    });
  }
  const files: Readonly<Record<string, Show>> = {
    '/account/runs/:id/outputs/:index/preview': sendPreview,
    '/account/runs/:id/outputs/:index/wave': sendWave,
    '/account/runs/:id/outputs/:index/file': goToFile,
  };
  for (const [url, send] of Object.entries(files)) {
    scope.get(url, async (request, reply) => {
      const session = await deps.sessions.read(request.headers);
      if (session === undefined) throw new AppError('not_found', 'There is nothing here.');
      return send(deps, { request, reply, session });
    });
  }
  scope.get('/account/live.js', (_request, reply) =>
    reply
      .headers({ 'content-type': 'text/javascript; charset=utf-8', 'cache-control': 'private, max-age=3600' })
      .headers({ 'x-content-type-options': 'nosniff' })
      .send(liveScript),
  );
  mountForms(scope, deps);
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
    '/account/operator/providers/:id/pause': operation('pause', 'paused'),
    '/account/operator/providers/:id/drain': operation('drain', 'drained'),
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

function viewerOf({ isOperator, now }: ConsoleDeps, { account, csrf }: Session): Viewer {
  return { csrf, isOperator: isOperator(account), now: now() };
}

/** Of the page of a form that went wrong, its status says so. */
function sender(
  { send }: ConsoleDeps,
  { reply }: SignedIn,
  notice?: Notice,
): (parts: PageParts) => FastifyReply {
  return (parts) => send(reply, { ...parts, status: notice?.kind === 'bad' ? 422 : 200 });
}

function asking({ session }: SignedIn, ...scopes: string[]): { principal: Principal; timeoutMs: number } {
  const principal = pagePrincipal(session.account.subject);
  return {
    principal: { ...principal, scopes: [...principal.scopes, ...scopes] },
    timeoutMs: questionTimeoutMs,
  };
}

/** What could not be read is left out, and the page says so; whoever asks for what is not there is told that. */
function part<T>({ onError }: ConsoleDeps, reading: Promise<T>): Promise<T | undefined> {
  return reading.catch((error: unknown) => {
    if (error instanceof AppError && ['invalid_cursor', 'run_not_found'].includes(error.code)) throw error;
    onError(error);
    return undefined;
  });
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

function missing(): AppError {
  return new AppError('not_found', 'There is nothing here.');
}

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
  const costs = { ...window, rows: read?.rows, isCut: read?.is_cut === true };
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

const showFiles: Show = async (deps, way) => {
  const [text, cursor] = ['text', 'cursor'].map((name) => queryOf(way.request, name).trim().slice(0, 500));
  const asked = {
    ...{ limit: wallSize, has_files: true },
    ...(text ? { text: text.slice(0, 200) } : {}),
    ...(cursor ? { cursor } : {}),
  };
  const page = await part(deps, deps.bus.call(browseRuns, asked, asking(way)));
  const view = {
    ...viewerOf(deps, way.session),
    ...{ text: text ?? '', isFirst: !cursor },
    page: page && { runs: page.runs, nextCursor: page.next_cursor },
  };
  return sender(deps, way)(filesPage(deps.branding, view));
};

const showOperator: Show = async (deps, way, notice) => {
  refuseOthers(deps, way);
  const isFailedOnly = queryOf(way.request, 'webhooks') === 'failed';
  const own = asking(way, operatorScope);
  const since = new Date(deps.now() - 30 * dayMs).toISOString();
  const read = (asked: { part: 'platforms' | 'spend' | 'webhooks'; since?: string; is_failed?: boolean }) =>
    part(deps, deps.bus.call(readOperation, { ...asked, limit: 50 }, own));
  const [platforms, spend, webhooks, known] = await Promise.all([
    read({ part: 'platforms' }),
    read({ part: 'spend', since }),
    read({ part: 'webhooks', is_failed: isFailedOnly }),
    part(deps, deps.bus.call(listProviders, {}, own)),
  ]);
  const view = {
    ...viewerOf(deps, way.session),
    ...{ platforms: platforms?.platforms, providers: known?.providers, spend: spend?.spend },
    ...{ isSpendCut: spend?.is_cut === true, webhooks: webhooks?.webhooks, isFailedOnly, notice },
    areWebhooksCut: webhooks?.is_cut === true,
  };
  return sender(deps, way, notice)(operatorPage(deps.branding, view));
};

/** For everybody else there is no such page. */
function refuseOthers({ isOperator }: ConsoleDeps, { session }: SignedIn): void {
  if (!isOperator(session.account)) throw missing();
}

/** The picture of an output, small; nothing where it cannot be looked at. */
const sendPreview: Show = async (deps, way) => {
  const asked = Number(queryOf(way.request, 'px'));
  const px = [160, 480, 1_200].find((size) => size === asked) ?? 160;
  const signal = abortOf(way.request);
  const options = { ...asking(way, 'files:write'), timeoutMs: pictureTimeoutMs, signal };
  const place = placeOf(way.request);
  const seen = await deps.bus
    .call(viewOutput, { run_id: place.runId, index: place.index, max_px: px }, options)
    .catch(() => undefined);
  if (seen?.image === undefined) return sendNothing(way.reply);
  return way.reply
    .headers(keptPicture)
    .type(seen.image.mime_type)
    .send(Buffer.from(seen.image.data, 'base64'));
};

/** Outputs never change; the browser alone may keep them. */
const keptPicture = {
  'cache-control': 'private, max-age=86400',
  'x-content-type-options': 'nosniff',
  'content-security-policy': "default-src 'none'; style-src 'unsafe-inline'; sandbox",
};

function sendNothing(reply: FastifyReply): FastifyReply {
  return reply.code(404).header('cache-control', 'private, max-age=60').send();
}

const sendWave: Show = async (deps, way) => {
  const assetId = await assetOf(deps, way);
  if (assetId === undefined) return sendNothing(way.reply);
  const options = { ...asking(way, 'files:write'), timeoutMs: pictureTimeoutMs };
  const read = await deps.bus.call(readWaveform, { asset_id: assetId }, options).catch(() => undefined);
  const { light, dark } = palettesOf(deps.branding);
  const colours = { light: light.accentText, dark: dark.accentText };
  const picture = waveform(read?.peaks ?? [], colours, queryOf(way.request, 'wide') === '1');
  return way.reply.headers(keptPicture).type('image/svg+xml').send(picture);
};

/** To the file itself, by an address that is made for this one look. */
const goToFile: Show = async (deps, way) => {
  const assetId = await assetOf(deps, way);
  if (assetId === undefined) throw missing();
  const { assets } = await deps.bus.call(resolveAssets, { refs: [assetId] }, asking(way));
  const [asset] = assets;
  if (asset === undefined || asset === null) throw missing();
  return way.reply.header('cache-control', 'no-store').redirect(asset.url, 302);
};

async function assetOf(deps: ConsoleDeps, way: SignedIn): Promise<string | undefined> {
  const { runId, index } = placeOf(way.request);
  const { outputs } = await deps.bus
    .call(readOutputs, { run_id: runId }, asking(way))
    .catch(() => ({ outputs: [] }));
  return outputs.find((output, position) => (output.index ?? position) === index)?.asset_id;
}

function placeOf(request: FastifyRequest): { runId: string; index: number } {
  const { params } = request;
  const index = typeof params === 'object' && params !== null && 'index' in params ? Number(params.index) : 0;
  if (!Number.isInteger(index) || index < 0 || index > 10_000) throw missing();
  return { runId: idOf(request).slice(0, 100), index };
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
