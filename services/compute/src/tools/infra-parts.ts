/** What the infra tools share: which platform and type is meant, and a resource as it is shown. */
import type { Bus, HandlerContext } from '@inferry/bus';
import { isObject, type JsonObject, validationFailed } from '@inferry/contracts';
import type { Limits } from '@inferry/limits';
import {
  type ControlPlane,
  type Resource,
  type ResourceType,
  type ResourceVerb,
  resourceTypes,
} from '@inferry/providers';
import type { ControlPlanes } from '../control-planes.ts';
import type { StopTimers } from '../stop-timers.ts';

export interface InfraDeps {
  planes: ControlPlanes;
  bus: Pick<Bus, 'call'>;
  limits: Limits;
  stops: StopTimers;
  now: () => number;
}

/** The platform that is meant; with one alone nobody has to say it. */
export function planeOf({ planes }: InfraDeps, provider: string | undefined): ControlPlane {
  if (provider !== undefined) return planes.of(provider);
  const [one, ...others] = planes.all;
  if (one !== undefined && others.length === 0) return one;
  const named = planes.all.map(({ slug }) => slug).join(', ');
  throw validationFailed('infra', [
    { path: 'provider', message: 'is required', hint: named === '' ? 'no platform is connected' : named },
  ]);
}

export function typeOf(plane: ControlPlane, name: string, verb: ResourceVerb): ResourceType {
  const type = resourceTypes.find((one) => one === name);
  const support = type === undefined ? undefined : plane.resources[type];
  if (type === undefined || support === undefined) {
    const known = Object.keys(plane.resources).join(', ');
    throw validationFailed('infra', [
      { path: 'resource', message: 'is no type of this platform', hint: known },
    ]);
  }
  if (support.verbs.includes(verb)) return type;
  throw validationFailed('infra', [
    { path: 'resource', message: `has no ${verb}`, hint: support.verbs.join(', ') },
  ]);
}

export async function read(
  deps: InfraDeps,
  { plane, type, id }: { plane: ControlPlane; type: ResourceType; id: string },
  context: HandlerContext,
): Promise<Resource> {
  return deps.planes.with(plane, context, (platform) => plane.get({ type, id }, platform));
}

const stopped = /^(stopped|exited|terminated|dead|created)$/i;
export function isStopped({ status }: Resource): boolean {
  return status !== undefined && stopped.test(status);
}

/** Since it was made, at what it costs now: less, where it stood still meanwhile. */
export function costSoFar({ hourlyCost = 0, createdAt }: Resource, now: number): number {
  const since = Date.parse(createdAt ?? '');
  return Number.isNaN(since) ? 0 : (hourlyCost * Math.max(0, now - since)) / 3_600_000;
}

export function round(amount: number): number {
  return Math.round(amount * 10_000) / 10_000;
}

export function inBrief(resource: Resource): JsonObject {
  const { id, name, status, hourlyCost, createdAt, marks, facts } = resource;
  const plain = Object.entries(facts).filter(
    ([key, value]) =>
      ['string', 'number', 'boolean'].includes(typeof value) &&
      !['id', 'name', 'status'].includes(key) &&
      String(value).length <= 80,
  );
  const isMachine = status !== undefined;
  return {
    id,
    ...(name !== undefined && { name }),
    ...(status !== undefined && { status }),
    ...(hourlyCost !== undefined && { hourly_cost: hourlyCost }),
    ...(createdAt !== undefined && { created_at: createdAt }),
    ...(marks.stop_at !== undefined && { stop_at: marks.stop_at }),
    ...(!isMachine && Object.fromEntries(plain.slice(0, 8))),
  };
}

/** What decides where something can run, in a line that a model can hold twelve of: the rest is in the platform's own facts. */
export function capacityInBrief({ id, facts }: Resource): JsonObject {
  const { stockStatus: stock, pricePerHr: hourly, cudaVersions } = facts;
  const versions = isObject(cudaVersions) ? Object.entries(cudaVersions) : [];
  // Where versions were asked for one by one, each has its own stock.
  const cuda = versions
    .flatMap(([version, state]) => {
      if (isObject(state)) return state.stock === 'Out' ? [] : [`${version}:${String(state.stock)}`];
      return state === 'AVAILABLE' ? [version] : [];
    })
    .join(' ');
  return {
    id,
    ...(typeof stock === 'string' && { stock }),
    ...(typeof hourly === 'number' && { hourly }),
    ...(cuda !== '' && { cuda }),
  };
}

export function whole(resource: Resource): { resource: JsonObject; hourly_cost?: number } {
  const { id, name, status, hourlyCost, facts } = resource;
  return {
    resource: { ...facts, id, ...(name !== undefined && { name }), ...(status !== undefined && { status }) },
    ...(hourlyCost !== undefined && { hourly_cost: hourlyCost }),
  };
}
