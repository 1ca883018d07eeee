/** Makes what costs money: quoted, held to what the caller and the budgets allow, and once for one ref. */
import { createHash } from 'node:crypto';
import type { Handler, HandlerContext } from '@inferry/bus';
import {
  AppError,
  type createInfra,
  isObject,
  type JsonObject,
  readBudgets,
  validationFailed,
} from '@inferry/contracts';
import type { ControlPlane, Resource, ResourceType } from '@inferry/providers';
import { ownerOf } from '../control-planes.ts';
import { type InfraDeps, planeOf, read, round, typeOf, whole } from './infra-parts.ts';

/** How long a ref keeps others from making a second one while the first is made. */
const makingMs = 90_000;
const keptRefMs = 30 * 86_400_000;
/** A machine without an end is held to budgets by its first hour. */
const openEndedHours = 1;

type Created = Awaited<ReturnType<Handler<typeof createInfra>>>;

export function handleCreateInfra(deps: InfraDeps): Handler<typeof createInfra> {
  return async (input, context) => {
    const plane = planeOf(deps, input.provider);
    const type = typeOf(plane, input.resource, 'create');
    const validation = problemsOf(plane, type, input.spec);
    if (validation.length > 0) {
      if (input.dry_run === true) return { validation };
      throw validationFailed('infra_create', validation);
    }
    const price = await quote(deps, { plane, type, input }, context);
    if (input.dry_run === true) return price;
    const make = () => createOnce(deps, { plane, type, input }, context);
    const made =
      input.client_ref === undefined
        ? await make()
        : await withRef(deps, { plane, type, input, make }, context);
    return { ...price, ...made };
  };
}

interface Creation {
  plane: ControlPlane;
  type: ResourceType;
  input: Parameters<Handler<typeof createInfra>>[0];
}

function problemsOf(plane: ControlPlane, type: ResourceType, spec: JsonObject) {
  const fields = Object.keys(plane.resources[type]?.spec ?? {});
  const known = fields.map((name) => name.replace('*', ''));
  const missing = fields
    .filter((name) => name.endsWith('*') && spec[name.slice(0, -1)] === undefined)
    // Another field says the same in other words, and the platform says which.
    .filter(
      (name) => !(name === 'image*' || name === 'gpu_pool_ids*') || !(spec.template_id || spec.hub_repo),
    );
  const unknown = Object.keys(spec).filter((name) => !known.includes(name));
  return [
    ...missing.map((name) => ({ path: `spec.${name.slice(0, -1)}`, message: 'is required' })),
    ...unknown.map((name) => ({
      path: `spec.${name}`.slice(0, 100),
      message: 'unknown field',
      hint: known.join(', '),
    })),
  ];
}

/** What it costs, and whether that is more than the caller or a budget allows; nothing is made before. */
async function quote(
  deps: InfraDeps,
  { plane, type, input }: Creation,
  context: HandlerContext,
): Promise<Created> {
  const isBilled = plane.resources[type]?.isBilled === true;
  if (!isBilled) return { hourly_cost: 0 };
  const { amount, basis } = await deps.planes.with(plane, context, (platform) =>
    plane.quote({ type, spec: input.spec }, platform),
  );
  const most = input.max_hourly_cost;
  if (most !== undefined && amount === undefined) {
    throw new AppError('price_unknown', `Nobody can tell what it costs an hour: ${basis}.`);
  }
  if (most !== undefined && amount !== undefined && amount > most) {
    throw new AppError('max_cost_exceeded', `It costs $${round(amount)} an hour, more than max_hourly_cost.`);
  }
  const hours = (input.stop_after ?? openEndedHours * 3_600) / 3_600;
  const cost = amount === undefined ? {} : { min: amount * hours, max: amount * hours };
  const { principal, signal } = context;
  const { refusal } = await deps.bus.call(
    readBudgets,
    { run: { currency: 'USD', ...cost } },
    { principal, signal, timeoutMs: 5_000 },
  );
  if (refusal !== undefined) throw AppError.fromEnvelope(refusal);
  return { ...(amount !== undefined && { hourly_cost: round(amount) }), basis };
}

async function createOnce(
  deps: InfraDeps,
  { plane, type, input }: Creation,
  context: HandlerContext,
): Promise<Created> {
  const stopAt =
    input.stop_after === undefined
      ? undefined
      : new Date(deps.now() + input.stop_after * 1_000).toISOString();
  const canStop = plane.resources[type]?.actions?.includes('stop') === true;
  if (stopAt !== undefined && !canStop) {
    throw validationFailed('infra_create', [{ path: 'stop_after', message: `a ${type} cannot be stopped` }]);
  }
  const marks = {
    owner: ownerOf(context.principal),
    ...(input.client_ref !== undefined && { ref: refOf(input.client_ref, context) }),
    ...(stopAt !== undefined && { stop_at: stopAt }),
  };
  const made = await deps.planes.with(plane, context, (platform) =>
    plane.create({ type, spec: input.spec, marks }, platform),
  );
  if (stopAt !== undefined)
    await deps.stops.add({
      plane,
      type,
      id: made.id,
      stopAt: Date.parse(stopAt),
      principal: context.principal,
    });
  return { ...whole(made), ...(stopAt !== undefined && { stop_at: stopAt }) };
}

/** The same ref of the same owner makes one resource: found by what was noted, else by the mark that it carries. */
async function withRef(
  deps: InfraDeps,
  { plane, type, input, make }: Creation & { make: () => Promise<Created> },
  context: HandlerContext,
): Promise<Created> {
  const ref = refOf(input.client_ref ?? '', context);
  const key = `infra-ref/${plane.slug}/${ref}`;
  const lock = await deps.limits.acquire(key, makingMs);
  if (lock === undefined) {
    throw new AppError('busy', 'A call with this client_ref is making it now.', {
      retryAfterSeconds: 2,
      nextAction: 'Call again with the same client_ref.',
    });
  }
  try {
    const content = createHash('sha256')
      .update(JSON.stringify([type, input.spec]))
      .digest('base64url');
    const noted = await deps.limits.readNote(key);
    const [known, of] = noted?.split(' ') ?? [];
    if (of !== undefined && of !== content) {
      throw new AppError('idempotency_conflict', 'This client_ref made something else.', {
        nextAction: 'Use a new client_ref for a new resource.',
      });
    }
    const found =
      known === undefined
        ? await findMarked(deps, { plane, type, ref }, context)
        : await read(deps, { plane, type, id: known }, context);
    if (found !== undefined)
      return {
        ...whole(found),
        replayed: true,
        ...(await extend(deps, { plane, type, input, id: found.id }, context)),
      };
    const made = await makeOrFind(deps, { plane, type, ref, make }, context);
    const id = isObject(made.resource) ? String(made.resource.id) : '';
    await deps.limits.note(key, `${id} ${content}`, keptRefMs);
    return made;
  } finally {
    await deps.limits.release(key, lock);
  }
}

/** The same ref with a time to stop is how one that runs is given more of it. */
async function extend(
  { stops, now }: InfraDeps,
  { plane, type, input, id }: Creation & { id: string },
  { principal }: HandlerContext,
): Promise<{ stop_at?: string }> {
  if (input.stop_after === undefined) return {};
  const stopAt = now() + input.stop_after * 1_000;
  await stops.add({ plane, type, id, stopAt, principal });
  return { stop_at: new Date(stopAt).toISOString() };
}

/** A creation whose fate is unknown is looked for by its mark before that is said. */
async function makeOrFind(
  deps: InfraDeps,
  {
    plane,
    type,
    ref,
    make,
  }: { plane: ControlPlane; type: ResourceType; ref: string; make: () => Promise<Created> },
  context: HandlerContext,
): Promise<Created> {
  try {
    return await make();
  } catch (error) {
    if (
      !(error instanceof AppError) ||
      !['submit_unknown', 'unavailable', 'deadline_exceeded'].includes(error.code)
    )
      throw error;
    const found = await findMarked(deps, { plane, type, ref }, context).catch(() => undefined);
    if (found === undefined) throw error;
    return { ...whole(found), replayed: true };
  }
}

async function findMarked(
  deps: InfraDeps,
  { plane, type, ref }: { plane: ControlPlane; type: ResourceType; ref: string },
  context: HandlerContext,
): Promise<Resource | undefined> {
  if (plane.resources[type]?.verbs.includes('list') !== true) return undefined;
  const { items } = await deps.planes.with(plane, context, (platform) => plane.list({ type }, platform));
  return items.find(({ marks }) => marks.ref === ref);
}

/** Of one owner, and nothing that anybody could read out of the machine that carries it. */
function refOf(ref: string, { principal }: HandlerContext): string {
  return createHash('sha256').update(`${principal.subject}\n${ref}`).digest('base64url').slice(0, 32);
}
