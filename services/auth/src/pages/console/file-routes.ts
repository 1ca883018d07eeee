/** Files as they are looked at: small pictures, waveforms, the way to the file itself, and the library of all of them. */
import {
  AppError,
  deleteAssets,
  listAssets,
  readOutputs,
  readWaveform,
  resolveAssets,
  viewOutput,
} from '@inferry/contracts';
import { palettesOf } from '@inferry/pages';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { type Action, idOf, noticeOf, queryOf, type SignedIn, takePost } from '../account/post.ts';
import { abortOf } from '../page-context.ts';
import { asking, type ConsoleDeps, missing, part, type Show, sender, viewerOf } from './asking.ts';
import { fileKinds, filesPage } from './files-page.ts';
import { waveform } from './media.ts';

const wallSize = 24;
const pictureTimeoutMs = 20_000;

export function mountFiles(scope: FastifyInstance, deps: ConsoleDeps): void {
  scope.get('/account/files', async (request, reply) => {
    const session = await deps.sessions.read(request.headers);
    if (session === undefined) return reply.redirect('/account/sign-in', 303);
    return showFiles(deps, { request, reply, session }, noticeOf(request));
  });
  const files: Readonly<Record<string, Show>> = { preview: sendPreview, wave: sendWave, file: goToFile };
  for (const base of ['/account/runs/:id/outputs/:index', '/account/files/:asset']) {
    for (const [name, send] of Object.entries(files)) {
      scope.get(`${base}/${name}`, async (request, reply) => {
        const session = await deps.sessions.read(request.headers);
        if (session === undefined) throw missing();
        return send(deps, { request, reply, session });
      });
    }
  }
  scope.post('/account/files/:id/delete', (request, reply) =>
    takePost(
      deps,
      { request, reply },
      { action: deleteFile, next: () => '/account/files', show: (...way) => showFiles(deps, ...way) },
    ),
  );
}

const showFiles: Show = async (deps, way, notice) => {
  const [text = '', kindAsked = '', cursor = ''] = ['text', 'kind', 'cursor'].map((name) =>
    queryOf(way.request, name).trim().slice(0, 1_000),
  );
  const kind = fileKinds.find((known) => known === kindAsked);
  const asked = {
    limit: wallSize,
    ...(text === '' ? {} : { query: text.slice(0, 200) }),
    ...(kind === undefined ? {} : { kind }),
    ...(cursor === '' ? {} : { cursor }),
  };
  const read = await part(deps, deps.bus.call(listAssets, asked, asking(way)));
  const view = {
    ...viewerOf(deps, way.session),
    ...{ filter: { text, kind: kind ?? '' }, isFirst: cursor === '', notice },
    page: read && { files: read.items ?? [], nextCursor: read.page?.next_cursor },
  };
  return sender(deps, way, notice)(filesPage(deps.branding, view));
};

const deleteFile: Action<ConsoleDeps> = async (deps, way) => {
  const { deleted = 0 } = await deps.bus.call(
    deleteAssets,
    { asset_ids: [way.id.slice(0, 100)] },
    { ...asking(way, 'files:write'), timeoutMs: pictureTimeoutMs },
  );
  if (deleted === 0) throw missing();
  return 'file-deleted';
};

/** The picture of a file, small; nothing where it cannot be looked at. */
const sendPreview: Show = async (deps, way) => {
  const asked = Number(queryOf(way.request, 'px'));
  const px = [160, 480, 1_200].find((size) => size === asked) ?? 160;
  const signal = abortOf(way.request);
  const options = { ...asking(way, 'files:write'), timeoutMs: pictureTimeoutMs, signal };
  const asset = assetIn(way.request);
  const { runId, index } = asset === undefined ? placeOf(way.request) : {};
  const subject = asset === undefined ? { run_id: runId, index } : { asset_id: asset };
  const seen = await inTurn(way.session.account.subject, () =>
    signal.aborted
      ? Promise.resolve(undefined)
      : deps.bus.call(viewOutput, { ...subject, max_px: px }, options),
  ).catch(() => undefined);
  if (seen?.image === undefined) return sendNothing(way.reply);
  return way.reply
    .headers(keptPicture)
    .type(seen.image.mime_type)
    .send(Buffer.from(seen.image.data, 'base64'));
};

/** Pictures that are decoded for one person at once: a page asks for all of its at once, and the decoder is everybody's. */
const atOnce = 4;
const turns = new Map<string, { working: number; waiting: (() => void)[] }>();

async function inTurn<T>(subject: string, work: () => Promise<T>): Promise<T> {
  const turn = turns.get(subject) ?? { working: 0, waiting: [] };
  turns.set(subject, turn);
  if (turn.working >= atOnce) await new Promise<void>((resolve) => turn.waiting.push(resolve));
  turn.working += 1;
  try {
    return await work();
  } finally {
    turn.working -= 1;
    turn.waiting.shift()?.();
    if (turn.working === 0 && turn.waiting.length === 0) turns.delete(subject);
  }
}

/** Outputs never change; the browser alone may keep them. */
const keptPicture = {
  'cache-control': 'private, max-age=3600',
  'x-content-type-options': 'nosniff',
  'content-security-policy': "default-src 'none'; style-src 'unsafe-inline'; sandbox",
};

/** A picture of nothing: browsers show whatever a picture's answer has, and a sign of failure where it has none. */
export function sendNothing(reply: FastifyReply): FastifyReply {
  return reply
    .code(404)
    .headers({ ...keptPicture, 'cache-control': 'private, max-age=60' })
    .type('image/svg+xml')
    .send('<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1 1"/>');
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
  const { assets } = await deps.bus
    .call(resolveAssets, { refs: [assetId] }, asking(way))
    .catch((error: unknown) => {
      throw error instanceof AppError && error.code === 'asset_not_found' ? missing() : error;
    });
  const [asset] = assets;
  if (asset === undefined || asset === null) throw missing();
  return way.reply.header('cache-control', 'no-store').redirect(asset.url, 302);
};

function assetIn({ params }: FastifyRequest): string | undefined {
  const asset = typeof params === 'object' && params !== null && 'asset' in params ? params.asset : undefined;
  return asset === undefined ? undefined : String(asset).slice(0, 100);
}

/** Of a file, or of an output of a run of the person's own. */
async function assetOf(deps: ConsoleDeps, way: SignedIn): Promise<string | undefined> {
  const asset = assetIn(way.request);
  if (asset !== undefined) return asset;
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
