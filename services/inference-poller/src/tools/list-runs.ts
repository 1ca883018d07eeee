import type { Handler } from '@inferry/bus';
import { type listRuns, type Problem, validationFailed } from '@inferry/contracts';
import { countRunRows, listRunRows } from '@inferry/database';
import { createCursors } from '@inferry/runtime';
import { z } from 'zod';
import type { InferenceDeps } from '../deps.ts';
import { readTags } from '../runs/check-run-request.ts';
import { toRun } from '../runs/run-view.ts';

const cursors = createCursors({
  place: z.object({ createdAt: z.number(), runId: z.string() }),
  of: 'list',
});

const defaultLimit = 20;
/** A list that is longer is not counted: that would cost more than it tells. */
const maxCounted = 10_000;

/** The caller's runs, newest first (MR-34); outputs are left to `get_run`, so that a page stays small. */
export function handleListRuns(deps: InferenceDeps): Handler<typeof listRuns> {
  return async ({ limit = defaultLimit, cursor, ...filter }, { principal }) => {
    const { subject } = principal;
    const problems: Problem[] = [];
    const tags = readTags(filter.metadata ?? {}, problems);
    if (problems.length > 0) throw validationFailed('list_runs', problems);
    const { status, model, provider, since } = filter;
    const query = [subject, status, model, provider, since, tags];
    const wanted = {
      subject,
      status,
      model,
      provider,
      since: since === undefined ? undefined : Date.parse(since),
      tags,
    };
    const before = cursor === undefined ? undefined : cursors.read(query, cursor);
    const { queries } = deps.database;
    const [rows, total] = await Promise.all([
      listRunRows(queries, { ...wanted, before, limit: limit + 1 }),
      countRunRows(queries, wanted, maxCounted),
    ]);
    const items = rows.slice(0, limit);
    const last = items.at(-1);
    const hasMore = rows.length > limit && last !== undefined;
    return {
      items: items.map((row) => toRun(row, { text: undefined })),
      page: {
        ...(total === undefined ? {} : { total }),
        ...(hasMore
          ? { next_cursor: cursors.write(query, { createdAt: last.created_at, runId: last.run_id }) }
          : {}),
      },
    };
  };
}
