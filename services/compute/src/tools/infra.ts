/** What the infra tools do besides making: reading, changing, and a question before anything is lost. */
import type { Handler, HandlerContext } from '@inferry/bus';
import {
  AppError,
  type actOnInfra,
  type deleteInfra,
  type describeInfra,
  type getInfra,
  InputRequired,
  isObject,
  type listInfra,
  type readInfraLogs,
  type updateInfra,
  validationFailed,
} from '@inferry/contracts';
import type { ResourceType } from '@inferry/providers';
import { createCursors } from '@inferry/runtime';
import { z } from 'zod';
import {
  capacityInBrief,
  costSoFar,
  type InfraDeps,
  inBrief,
  isStopped,
  planeOf,
  read,
  round,
  typeOf,
  whole,
} from './infra-parts.ts';

const usualLimit = 20;
/** Lines that fit a kilobyte. */
const shortTable = 11;
const cursors = createCursors({ place: z.int().min(0), of: 'list' });

export function handleDescribeInfra(deps: InfraDeps): Handler<typeof describeInfra> {
  return async ({ provider, resource }) => {
    const planes = provider === undefined ? deps.planes.all : [deps.planes.of(provider)];
    if (resource === undefined) {
      return {
        resources: planes.flatMap(({ slug, resources }) =>
          Object.entries(resources).map(([type, { verbs }]) => ({
            type,
            provider: slug,
            verbs: verbs.join(' '),
          })),
        ),
      };
    }
    const plane = planeOf(deps, provider);
    const support =
      plane.resources[typeOf(plane, resource, plane.resources[resource as ResourceType]?.verbs[0] ?? 'list')];
    const { spec, patch, ...more } = support ?? { verbs: [] };
    return {
      resources: [{ type: resource, provider: plane.slug, ...more }],
      ...(spec && { spec }),
      ...(patch && { patch }),
    };
  };
}

export function handleListInfra(deps: InfraDeps): Handler<typeof listInfra> {
  return async ({ provider, resource, parent_id: parentId, filters, limit: asked, cursor }, context) => {
    const isCapacity = resource === 'capacity';
    const limit = asked ?? (isCapacity ? shortTable : usualLimit);
    const plane = planeOf(deps, provider);
    const type = typeOf(plane, resource, 'list');
    const query = [plane.slug, type, parentId, filters];
    const from = cursor === undefined ? 0 : cursors.read(query, cursor);
    const { items, summary } = await deps.planes.with(plane, context, (platform) =>
      plane.list({ type, parentId, filters }, platform),
    );
    const shown = await Promise.all(
      items.slice(from, from + limit).map(async (one) => {
        const { stop_at: marked, ...marks } = one.marks;
        if (marked === undefined) return one;
        const stopAt = await deps.stops.endOf(plane.slug, one.id, marked);
        return { ...one, marks: { ...marks, ...(stopAt !== undefined && { stop_at: stopAt }) } };
      }),
    );
    const running = items.filter((one) => !isStopped(one));
    const hourly = running.reduce((sum, { hourlyCost = 0 }) => sum + hourlyCost, 0);
    const soFar = running.reduce((sum, one) => sum + costSoFar(one, deps.now()), 0);
    const isLast = from + shown.length >= items.length;
    return {
      items: shown.map(isCapacity ? capacityInBrief : inBrief),
      summary: {
        ...summary,
        ...(plane.resources[type]?.isBilled && {
          ...{ running: running.length, hourly_cost: round(hourly), cost_so_far: round(soFar) },
        }),
      },
      page: {
        total: items.length,
        ...(!isLast && { next_cursor: cursors.write(query, from + shown.length) }),
      },
    };
  };
}

export function handleGetInfra(deps: InfraDeps): Handler<typeof getInfra> {
  return async ({ provider, resource, id, include }, context) => {
    const plane = planeOf(deps, provider);
    const type = typeOf(plane, resource, 'get');
    const found = await deps.planes.with(plane, context, (platform) =>
      plane.get({ type, id, include }, platform),
    );
    return whole(found);
  };
}

export function handleUpdateInfra(deps: InfraDeps): Handler<typeof updateInfra> {
  return async ({ provider, resource, id, patch, dry_run: dryRun }, context) => {
    const plane = planeOf(deps, provider);
    const type = typeOf(plane, resource, 'update');
    const known = Object.keys(plane.resources[type]?.patch ?? {});
    const validation = Object.keys(patch)
      .filter((name) => !known.includes(name))
      .map((name) => ({
        path: `patch.${name}`.slice(0, 100),
        message: 'cannot be changed',
        hint: known.join(', '),
      }));
    if (dryRun === true) return { validation };
    if (validation.length > 0) throw validationFailed('infra_update', validation);
    const changed = await deps.planes.with(plane, context, (platform) =>
      plane.update({ type, id, patch }, platform),
    );
    return { resource: whole(changed).resource, changed: Object.keys(patch) };
  };
}

export function handleActOnInfra(deps: InfraDeps): Handler<typeof actOnInfra> {
  return async ({ provider, resource, id, action }, context) => {
    const plane = planeOf(deps, provider);
    const type = typeOf(plane, resource, 'action');
    const actions = plane.resources[type]?.actions ?? [];
    if (!actions.includes(action)) {
      throw validationFailed('infra_action', [
        { path: 'action', message: 'is none of this type', hint: actions.join(', ') },
      ]);
    }
    if (action === 'start') {
      const { marks } = await read(deps, { plane, type, id }, context);
      await deps.stops.started(plane.slug, id, Date.parse(marks.stop_at ?? ''));
    }
    const result = await deps.planes.with(plane, context, (platform) =>
      plane.act({ type, id, action }, platform),
    );
    return { result };
  };
}

export function handleDeleteInfra(deps: InfraDeps): Handler<typeof deleteInfra> {
  return async ({ provider, resource, id, confirm_name: confirmed }, context) => {
    const plane = planeOf(deps, provider);
    const type = typeOf(plane, resource, 'delete');
    const canRead = plane.resources[type]?.verbs.includes('get') === true;
    const found = canRead ? await read(deps, { plane, type, id }, context) : undefined;
    confirm({ type, name: found?.name ?? id, confirmed }, context);
    await deps.planes.with(plane, context, (platform) => plane.remove({ type, id }, platform));
    deps.stops.forget(plane.slug, id);
    return { deleted: true };
  };
}

/** Asks the user where the client can; else the name has to stand in the call. */
function confirm(
  { type, name, confirmed }: { type: ResourceType; name: string; confirmed: string | undefined },
  { client }: HandlerContext,
): void {
  if (confirmed === name) return;
  const answer = client?.responses.confirm;
  if (isObject(answer)) {
    const isAgreed = answer.action === 'accept' && isObject(answer.content) && answer.content.delete === true;
    if (isAgreed) return;
    throw new AppError('cancelled', 'The user did not agree: nothing was deleted.');
  }
  if (client?.capabilities.elicitation !== undefined && confirmed === undefined) {
    const message = `Delete the ${type} "${name}" and its data for good?`;
    const requestedSchema = {
      type: 'object',
      properties: { delete: { type: 'boolean', title: 'Delete it' } },
      required: ['delete'],
    };
    throw new InputRequired({
      confirm: { method: 'elicitation/create', params: { message, requestedSchema } },
    });
  }
  throw validationFailed('infra_delete', [
    {
      path: 'confirm_name',
      message: 'has to be the name of what is deleted',
      hint: 'read it with infra_get',
    },
  ]);
}

export function handleReadInfraLogs(deps: InfraDeps): Handler<typeof readInfraLogs> {
  return async (
    { provider, resource, id, parent_id: parentId, source, tail, since, max_wait_ms: maxWaitMs, grep },
    context,
  ) => {
    const plane = planeOf(deps, provider);
    const type = typeOf(plane, resource, 'logs');
    const asked = { type, id, parentId, source, tail, since, maxWaitMs };
    const { lines, truncated } = await deps.planes.with(plane, context, (platform) =>
      plane.logs(asked, platform),
    );
    const wanted = lines.filter(({ line }) => grep === undefined || line.includes(grep));
    return {
      lines: wanted.map(({ ts, source: from, line }) => [ts, from, line].filter(Boolean).join(' ')),
      truncated,
    };
  };
}
