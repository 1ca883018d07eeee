/** The pages of batches, and the ways to the sheet and the table of each. */
import { AppError, Batch, cancelBatch, getBatch } from '@inferry/contracts';
import type { FastifyInstance } from 'fastify';
import { type Action, idOf, noticeOf, queryOf, type SignedIn, takePost } from '../account/post.ts';
import { asking, type ConsoleDeps, missing, part, type Show, sender, viewerOf } from './asking.ts';
import { batchesPage, batchPage, ShownItem } from './batches-page.ts';
import { sendNothing } from './file-routes.ts';
import { outputPlace, previewUrl } from './media.ts';

const pageSize = 12;
/** A contact sheet of so many. */
const sheetSize = 60;

export function mountBatches(scope: FastifyInstance, deps: ConsoleDeps): void {
  const pages: Readonly<Record<string, Show>> = {
    '/account/batches': showBatches,
    '/account/batches/:id': showBatch,
    '/account/batches/:id/sheet': goToSheet,
    '/account/batches/:id/table': goToTable,
  };
  for (const [url, show] of Object.entries(pages)) {
    scope.get(url, async (request, reply) => {
      const session = await deps.sessions.read(request.headers);
      if (session === undefined) return reply.redirect('/account/sign-in', 303);
      return show(deps, { request, reply, session }, noticeOf(request));
    });
  }
  scope.post('/account/batches/:id/cancel', (request, reply) =>
    takePost(
      deps,
      { request, reply },
      {
        action: cancel,
        next: ({ id }) => `/account/batches/${encodeURIComponent(id)}`,
        show: (...way) => showBatch(deps, ...way),
      },
    ),
  );
}

const showBatches: Show = async (deps, way) => {
  const cursor = queryOf(way.request, 'cursor');
  const asked = { limit: pageSize, ...(cursor === '' ? {} : { cursor }) };
  const read = await part(deps, deps.bus.call(getBatch, asked, asking(way)));
  const view = {
    ...viewerOf(deps, way.session),
    isFirst: cursor === '',
    page: read && { batches: Batch.array().parse(read.batches ?? []), nextCursor: read.page?.next_cursor },
  };
  return sender(deps, way)(batchesPage(deps.branding, view));
};

/** Errors: `not_found`, also for somebody else's. */
async function readBatch(
  deps: ConsoleDeps,
  way: SignedIn,
  { limit, cursor = '' }: { limit: number; cursor?: string },
) {
  const asked = { batch_id: idOf(way.request).slice(0, 100), limit, ...(cursor === '' ? {} : { cursor }) };
  const read = await deps.bus.call(getBatch, asked, asking(way)).catch((error: unknown) => {
    throw error instanceof AppError && error.code === 'run_not_found' ? missing() : error;
  });
  if (read.batch === undefined) throw missing();
  return { ...read, batch: read.batch };
}

const showBatch: Show = async (deps, way, notice) => {
  const cursor = queryOf(way.request, 'cursor');
  const { batch, items = [], page } = await readBatch(deps, way, { limit: sheetSize, cursor });
  const view = {
    ...viewerOf(deps, way.session),
    ...{ batch, items: ShownItem.array().parse(items), notice },
    ...{ isFirst: cursor === '', page: { nextCursor: page?.next_cursor } },
  };
  return sender(deps, way, notice)(batchPage(deps.branding, view));
};

/** By a link that is made for this one look. */
const goToTable: Show = async (deps, way) => {
  const { batch } = await readBatch(deps, way, { limit: 1 });
  if (batch.table === undefined) throw missing();
  return way.reply.header('cache-control', 'no-store').redirect(batch.table, 302);
};

/** Of a batch that has no sheet, since its runs made no pictures or some are under way, what one of them made. */
const goToSheet: Show = async (deps, way) => {
  const { batch, items = [] } = await readBatch(deps, way, { limit: sheetSize });
  const made = ShownItem.array()
    .parse(items)
    .find(({ url }) => url !== undefined);
  const url = batch.sheet ?? (made && previewUrl(outputPlace(made.run_id, 0), 480));
  if (url === undefined) return sendNothing(way.reply);
  return way.reply.header('cache-control', 'no-store').redirect(url, 302);
};

const cancel: Action<ConsoleDeps> = async (deps, way) => {
  await deps.bus.call(
    cancelBatch,
    { batch_id: way.id.slice(0, 100) },
    { ...asking(way, 'runs:write'), timeoutMs: 15_000 },
  );
  return 'batch-cancelled';
};
