/** The control plane: `rest` is version 2, `rest1` version 1; what one of them makes, the other shows. */
import type { z } from 'zod';
import type { EmulatedCall, EmulatedRoute, Emulator } from '../kit/index.ts';
import { sendEvents } from '../kit/send-events.ts';
import * as bodies from './control-bodies.ts';
import { catalogRoutes, priceOf } from './control-catalog.ts';
import {
  answered,
  endpoint,
  find,
  type Item,
  isItem,
  type Kind,
  keep,
  problem,
  shownV1,
  shownV2,
  storeOf,
  timeOf,
} from './control-store.ts';

/** One kind below one base: its bodies, and what they mean in the words of version 2. */
interface Table {
  kind: Kind;
  base: 'rest' | 'rest1';
  path: string;
  create?: { body: z.ZodType; make(given: Item): Item };
  patch?: { body: z.ZodType; change(given: Item): Item };
  /** What its lists and reads may be asked with. */
  query?: readonly string[];
  hasNoGet?: boolean;
}

const same = (given: Item) => given;
const flat = (given: Item) => bodies.nested(given);

function tablesOf(emulator: Emulator): Table[] {
  const pod = (given: Item) => podOf(emulator, given);
  const made = (given: Item) => ({ ...given, createdAt: timeOf(emulator) });
  const { PodV2, PodPatchV2, EndpointV2, EndpointPatchV2, TemplateV2, TemplatePatchV2 } = bodies;
  const { VolumeV2, VolumeV1, VolumePatch, Registry, Delegation } = bodies;
  const { PodV1, PodPatchV1, TemplateV1, EndpointV1 } = bodies;
  const volume = ({ dataCenterId, ...given }: Item) => ({
    type: 'STANDARD',
    dataCenter: dataCenterId,
    ...given,
  });
  return [
    {
      ...{ kind: 'pods', base: 'rest', path: '/pods', query: ['includeClusterPods'] },
      create: { body: PodV2, make: pod },
      patch: { body: PodPatchV2, change: same },
    },
    {
      ...{ kind: 'endpoints', base: 'rest', path: '/serverless' },
      create: { body: EndpointV2, make: (given) => endpoint(made(given)) },
      patch: { body: EndpointPatchV2, change: same },
    },
    {
      ...{ kind: 'templates', base: 'rest', path: '/templates' },
      create: { body: TemplateV2, make: same },
      patch: { body: TemplatePatchV2, change: same },
    },
    {
      ...{ kind: 'networkVolumes', base: 'rest', path: '/network-volumes' },
      create: { body: VolumeV2, make: volume },
      patch: { body: VolumePatch, change: same },
    },
    // Before the registries: their ids stand in the same place.
    {
      ...{ kind: 'delegations', base: 'rest', path: '/registries/delegations', hasNoGet: true },
      create: { body: Delegation, make: made },
    },
    { kind: 'registries', base: 'rest', path: '/registries', create: { body: Registry, make: same } },
    {
      ...{ kind: 'pods', base: 'rest1', path: '/pods' },
      query: ['computeType', 'gpuTypeId', 'dataCenterId', 'name', 'includeMachine', 'includeNetworkVolume'],
      create: { body: PodV1, make: (given) => pod(podOfV1(given)) },
      patch: { body: PodPatchV1, change: flat },
    },
    {
      ...{
        kind: 'endpoints',
        base: 'rest1',
        path: '/endpoints',
        query: ['includeTemplate', 'includeWorkers'],
      },
      create: { body: EndpointV1, make: (given) => endpoint(made(endpointOfV1(given))) },
      patch: { body: EndpointV1, change: endpointOfV1 },
    },
    {
      ...{ kind: 'templates', base: 'rest1', path: '/templates' },
      query: ['includeRunpodTemplates', 'includePublicTemplates', 'includeEndpointBoundTemplates'],
      create: { body: TemplateV1, make: flat },
      patch: { body: TemplateV1, change: flat },
    },
    {
      ...{ kind: 'networkVolumes', base: 'rest1', path: '/networkvolumes' },
      create: { body: VolumeV1, make: volume },
      patch: { body: VolumePatch, change: same },
    },
    {
      ...{ kind: 'registries', base: 'rest1', path: '/containerregistryauth' },
      create: { body: Registry, make: same },
    },
  ];
}

export function controlRoutes(emulator: Emulator): EmulatedRoute[] {
  return [
    ...tablesOf(emulator).flatMap((table) => routesOf(emulator, table)),
    ...podRoutes(emulator),
    ...catalogRoutes(emulator),
    {
      ...{ method: 'GET', base: 'rest', path: '/serverless/:id/workers', kind: 'describe' },
      handle({ params }) {
        find(emulator, { kind: 'endpoints', isSecond: true }, params.id);
        const summary = { running: 0, idle: 0, initializing: 0, throttled: 0, unhealthy: 0, total: 0 };
        return { endpointVersion: 1, summary, workers: [] };
      },
    },
    {
      ...{ method: 'GET', base: 'rest', path: '/serverless/:id/releases', kind: 'describe' },
      handle({ params }) {
        find(emulator, { kind: 'endpoints', isSecond: true }, params.id);
        return { endpointVersion: 1, rollout: { inProgress: false }, releases: [] };
      },
    },
  ];
}

/** List, get, create, patch and delete of one kind. */
function routesOf(
  emulator: Emulator,
  { kind, base, path, create, patch, query = [], hasNoGet }: Table,
): EmulatedRoute[] {
  const isSecond = base === 'rest';
  const at = { kind, isSecond };
  const one = `${path}/:id`;
  const show = (item: Item, call?: EmulatedCall) =>
    isSecond ? shownV2(emulator, kind, item) : shownV1(kind, item, call?.query.includeTemplate === 'true');
  const route = (
    [method, where, what]: readonly [EmulatedRoute['method'], string, EmulatedRoute['kind']],
    handle: EmulatedRoute['handle'],
    body?: z.ZodType,
  ): EmulatedRoute => ({
    ...{ method, base, path: where, kind: what, ...(method === 'GET' && { query }), ...(body && { body }) },
    handle(call) {
      if (isSecond && emulator.quirks.has('rest_v2_gone')) throw problem(404, 'Not Found', 'no such route');
      return handle(call);
    },
  });
  const routes = [
    route(['GET', path, 'catalog'], (call) => {
      const items = [...storeOf(emulator, kind).values()].map((item) => show(item, call));
      return isSecond ? { [kind]: items } : items;
    }),
    route(['DELETE', one, 'other'], ({ params }) => {
      find(emulator, at, params.id);
      storeOf(emulator, kind).delete(params.id ?? '');
      throw answered(204);
    }),
  ];
  if (hasNoGet !== true) {
    routes.push(route(['GET', one, 'describe'], (call) => show(find(emulator, at, call.params.id), call)));
  }
  if (create !== undefined) {
    const { body, make } = create;
    const handle = (call: EmulatedCall) => {
      const item = keep(emulator, kind, make(itemOf(call)));
      const first = kind === 'pods' && isSecond ? { status: 'PROVISIONING', startedAt: null } : {};
      throw answered(201, { ...show(item), ...first });
    };
    routes.push(route(['POST', path, 'submit'], handle, body));
  }
  if (patch !== undefined) {
    const { body, change } = patch;
    const handle = (call: EmulatedCall) =>
      show(merge(find(emulator, at, call.params.id), change(itemOf(call))));
    routes.push(route(['PATCH', one, 'other'], handle, body));
  }
  return routes;
}

/** Objects are changed by their fields, the rest as a whole. */
function merge(item: Item, change: Item): Item {
  for (const [name, value] of Object.entries(change)) {
    const before = item[name];
    const isPart = name !== 'env' && name !== 'scaling' && isItem(before) && isItem(value);
    item[name] = isPart ? { ...before, ...value } : value;
  }
  return item;
}

function itemOf({ body }: EmulatedCall): Item {
  return isItem(body) ? body : {};
}

function podOf(emulator: Emulator, given: Item): Item {
  const gpu = isItem(given.gpu) ? given.gpu : undefined;
  const price = gpu === undefined ? 0.08 : priceOf(gpu.id, given.cloud);
  if (price === undefined)
    throw problem(400, 'Bad Request', `there is no gpu ${String(gpu?.id)} in this cloud`);
  const { dataCenterIds, ...spec } = given;
  return {
    ...{ args: '', disk: 20, ports: [], env: {}, registry: null, cloud: 'SECURE', mounts: {}, locked: false },
    ...spec,
    ...{ status: 'RUNNING', actions: ['stop', 'restart', 'terminate'] },
    dataCenterId: Array.isArray(dataCenterIds) ? dataCenterIds[0] : 'US-KS-2',
    ...{ globalNetworking: { enabled: false }, cost: price * Number(gpu?.count ?? 1) },
    ...{ createdAt: timeOf(emulator), startedAt: timeOf(emulator) },
  };
}

function podOfV1(given: Item): Item {
  const { gpuTypeIds, gpuCount = 1, cloudType, computeType, dataCenterIds } = given;
  const [id] = Array.isArray(gpuTypeIds) ? gpuTypeIds : ['NVIDIA GeForce RTX 4090'];
  return {
    ...{ name: 'my pod', cloud: cloudType ?? 'SECURE', ...bodies.nested(given) },
    ...(dataCenterIds !== undefined && { dataCenterIds }),
    ...(computeType === 'CPU' ? { cpu: { id: 'cpu3c' } } : { gpu: { id, count: gpuCount } }),
  };
}

function endpointOfV1({ name, templateId, workersMin, workersMax, gpuCount }: Item): Item {
  const workers = {
    ...(workersMin !== undefined && { min: workersMin }),
    ...(workersMax !== undefined && { max: workersMax }),
  };
  return {
    ...(name !== undefined && { name }),
    ...(templateId !== undefined && { template: templateId }),
    ...(Object.keys(workers).length > 0 && { workers }),
    ...(gpuCount !== undefined && { gpu: { pools: ['ADA_24'], count: gpuCount } }),
  };
}

const after = { start: 'RUNNING', stop: 'STOPPED', restart: 'RUNNING' } as const;

/** What becomes of a pod besides its fields, and what it says. */
function podRoutes(emulator: Emulator): EmulatedRoute[] {
  const act = (
    id: string | undefined,
    { action, isSecond }: { action: keyof typeof after; isSecond: boolean },
  ) => {
    const pod = find(emulator, { kind: 'pods', isSecond }, id);
    if (action === 'restart' && pod.status === 'STOPPED') {
      throw problem(409, 'Conflict', 'the pod does not run');
    }
    const isRunning = after[action] === 'RUNNING';
    const actions = isRunning ? ['stop', 'restart', 'terminate'] : ['start', 'terminate'];
    return Object.assign(pod, { status: after[action], actions });
  };
  const first = (action: 'start' | 'stop'): EmulatedRoute => ({
    ...{ method: 'POST', base: 'rest1', path: `/pods/:id/${action}`, kind: 'other' },
    handle: ({ params }) => shownV1('pods', act(params.id, { action, isSecond: false })),
  });
  return [
    {
      ...{ method: 'POST', base: 'rest', path: '/pods/:id/action', kind: 'other', body: bodies.PodAction },
      handle(call) {
        const { action } = bodies.PodAction.parse(call.body);
        if (action !== 'terminate') return act(call.params.id, { action, isSecond: true });
        find(emulator, { kind: 'pods', isSecond: true }, call.params.id);
        storeOf(emulator, 'pods').delete(call.params.id ?? '');
        throw answered(204);
      },
    },
    first('start'),
    first('stop'),
    {
      ...{ method: 'GET', base: 'rest', path: '/pods/:id/logs', kind: 'other', headers: ['last-event-id'] },
      query: ['source', 'tail', 'since'],
      handle({ params, query, reply }) {
        const pod = find(emulator, { kind: 'pods', isSecond: true }, params.id);
        const ts = timeOf(emulator);
        const lines = [
          { ts, source: 'system', line: `create container ${String(pod.image)}` },
          { ts, source: 'container', line: 'ready' },
        ].filter(
          ({ source }) => query.source === undefined || query.source === 'both' || query.source === source,
        );
        return sendEvents(reply, lines.slice(-Number(query.tail ?? 100)));
      },
    },
  ];
}
