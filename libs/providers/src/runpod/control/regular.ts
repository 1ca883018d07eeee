/** The calls of edition 3 that are one request each: a table of paths, queries and bodies for both versions of REST. */
import { isObject } from '@inferry/contracts';
import { malformed } from '../../http/read-answer.ts';
import {
  type Args,
  compact,
  type Item,
  includes,
  itemsOf,
  type NativeAnswer,
  page,
  segment,
  strings,
  text,
} from './answer.ts';
import type { RestKind } from './versions.ts';
import type { RunpodWire } from './wire.ts';

/** One request, as one of the versions takes it. */
interface Side {
  /** `{name}` stands for that argument. */
  path: string | ((args: Args) => string);
  method?: 'POST' | 'PATCH' | 'DELETE';
  /** Arguments that go into the query where they are given and not false. */
  query?: readonly string[] | ((args: Args) => Record<string, unknown>);
  body?: (args: Args) => unknown;
  /** The answer is a list: bare in version 1, below this name in version 2. */
  list?: string;
  /** Names that stay beside a page of the list. */
  beside?: readonly string[];
  /** What the platform cannot leave out is left out here. */
  keep?: (items: Item[], args: Args) => Item[];
}

export interface Row {
  kind: RestKind;
  /** Absent where version 1 has nothing like it. */
  v1?: Side;
  v2: Side;
}

/** A mount needs its size and its path; half of one is not sent. */
function mounts({ volumeInGb: size, volumeMountPath: path }: Args): unknown {
  return size === undefined || path === undefined ? undefined : { persistent: { size, path } };
}

/** What pods and templates share: the words of version 1 in those of version 2. */
export function container(args: Args): Item {
  return compact({
    image: args.imageName,
    disk: args.containerDiskInGb,
    ports: args.ports,
    env: args.env,
    mounts: mounts(args),
    name: args.name,
  });
}

function template(args: Args): Item {
  const command = strings(args.dockerStartCmd);
  return {
    ...container(args),
    ...compact({
      serverless: args.isServerless,
      registry: args.containerRegistryAuthId,
      args: command === undefined || command.length === 0 ? undefined : command.join(' '),
      category: args.category,
    }),
  };
}

const given =
  (...names: readonly string[]) =>
  (args: Args) =>
    compact(Object.fromEntries(names.map((name) => [name, args[name]])));
/** Every argument but those that stand in the path. */
const allBut = (id: string) => (args: Args) =>
  compact(Object.fromEntries(Object.entries(args).filter(([name]) => name !== id)));
const action = (name: string) =>
  ({ path: '/pods/{podId}/action', method: 'POST', body: () => ({ action: name }) }) as const;

function listAndMore(
  kind: RestKind,
  paths: { v1: string; v2: string; list: string; id: string },
): Record<'list' | 'get' | 'delete', Row> {
  const { v1, v2, list, id } = paths;
  const one = (path: string) => `${path}/{${id}}`;
  return {
    list: { kind, v1: { path: v1, list: '' }, v2: { path: v2, list } },
    get: { kind, v1: { path: one(v1) }, v2: { path: one(v2) } },
    delete: { kind, v1: { path: one(v1), method: 'DELETE' }, v2: { path: one(v2), method: 'DELETE' } },
  };
}

const pods = listAndMore('PODS', { v1: '/pods', v2: '/pods', list: 'pods', id: 'podId' });
const endpoints = listAndMore('ENDPOINTS', {
  v1: '/endpoints',
  v2: '/serverless',
  list: 'endpoints',
  id: 'endpointId',
});
const templates = listAndMore('TEMPLATES', {
  v1: '/templates',
  v2: '/templates',
  list: 'templates',
  id: 'templateId',
});
const volumes = listAndMore('NETWORK_VOLUMES', {
  v1: '/networkvolumes',
  v2: '/network-volumes',
  list: 'networkVolumes',
  id: 'networkVolumeId',
});
const registries = listAndMore('REGISTRIES', {
  v1: '/containerregistryauth',
  v2: '/registries',
  list: 'registries',
  id: 'containerRegistryAuthId',
});

const machine = ['includeMachine', 'includeNetworkVolume'];
const workers = ['includeTemplate', 'includeWorkers'];
const windowed = ['startTime', 'endTime', 'bucketSize'];

/** The filters of a pod list that version 2 does not have. */
export const podFilters = ['computeType', 'gpuTypeId', 'dataCenterId', 'name'] as const;

function keepPods(items: Item[], { computeType, gpuTypeId, dataCenterId, name }: Args): Item[] {
  const gpus = strings(gpuTypeId) ?? [];
  const centers = strings(dataCenterId) ?? [];
  return items.filter((pod) => {
    const gpu = isObject(pod.gpu) ? text(pod.gpu.id) : undefined;
    if (computeType !== undefined && (computeType === 'GPU') !== (gpu !== undefined)) return false;
    if (gpus.length > 0 && !gpus.includes(gpu ?? '')) return false;
    if (centers.length > 0 && !centers.includes(text(pod.dataCenterId) ?? '')) return false;
    return name === undefined || pod.name === name;
  });
}

export const rows: Readonly<Record<string, Row>> = {
  'list-cpu-types': { kind: 'CPUS', v2: { path: '/catalog/cpus', list: 'cpus' } },
  'get-cpu-type': { kind: 'CPUS', v2: { path: '/catalog/cpus/{cpuTypeId}' } },
  'get-gpu-type': {
    kind: 'GPUS',
    v2: {
      path: '/catalog/gpus/{gpuTypeId}',
      query: ({ includeAvailability, product = 'POD' }) =>
        includeAvailability === false ? {} : { include: 'AVAILABILITY', product: String(product) },
    },
  },
  'get-data-center': { kind: 'DATA_CENTERS', v2: { path: '/catalog/datacenters/{dataCenterId}' } },

  'list-pods': {
    kind: 'PODS',
    v1: { path: '/pods', list: '', query: [...podFilters, ...machine] },
    v2: { path: '/pods', list: 'pods', keep: keepPods },
  },
  'get-pod': { ...pods.get, v1: { path: '/pods/{podId}', query: machine } },
  'update-pod': {
    kind: 'PODS',
    v1: { path: '/pods/{podId}', method: 'PATCH', body: allBut('podId') },
    v2: { path: '/pods/{podId}', method: 'PATCH', body: container },
  },
  'start-pod': { kind: 'PODS', v1: { path: '/pods/{podId}/start', method: 'POST' }, v2: action('start') },
  'stop-pod': { kind: 'PODS', v1: { path: '/pods/{podId}/stop', method: 'POST' }, v2: action('stop') },
  'restart-pod': { kind: 'PODS', v2: action('restart') },
  'delete-pod': pods.delete,

  'list-endpoints': { ...endpoints.list, v1: { path: '/endpoints', list: '', query: workers } },
  'get-endpoint': { ...endpoints.get, v1: { path: '/endpoints/{endpointId}', query: workers } },
  'delete-endpoint': endpoints.delete,
  'list-endpoint-releases': {
    kind: 'ENDPOINTS',
    v2: {
      path: '/serverless/{endpointId}/releases',
      list: 'releases',
      beside: ['rollout', 'endpointVersion'],
    },
  },
  'list-endpoint-workers': {
    kind: 'ENDPOINTS',
    v2: { path: '/serverless/{endpointId}/workers', list: 'workers', beside: ['summary', 'endpointVersion'] },
  },

  'list-templates': {
    ...templates.list,
    v1: {
      path: '/templates',
      list: '',
      query: ['includeRunpodTemplates', 'includePublicTemplates', 'includeEndpointBoundTemplates'],
    },
  },
  'get-template': templates.get,
  'create-template': {
    kind: 'TEMPLATES',
    v1: { path: '/templates', method: 'POST', body: (args) => compact(args) },
    v2: { path: '/templates', method: 'POST', body: template },
  },
  'update-template': {
    kind: 'TEMPLATES',
    v1: { path: '/templates/{templateId}', method: 'PATCH', body: allBut('templateId') },
    v2: { path: '/templates/{templateId}', method: 'PATCH', body: template },
  },
  'delete-template': templates.delete,

  'list-network-volumes': volumes.list,
  'get-network-volume': volumes.get,
  'create-network-volume': {
    kind: 'NETWORK_VOLUMES',
    v1: { path: '/networkvolumes', method: 'POST', body: (args) => compact(args) },
    v2: {
      path: '/network-volumes',
      method: 'POST',
      body: ({ name, size, dataCenterId, volumeType }) =>
        compact({ name, size, dataCenter: dataCenterId, type: volumeType }),
    },
  },
  'update-network-volume': {
    kind: 'NETWORK_VOLUMES',
    v1: { path: '/networkvolumes/{networkVolumeId}', method: 'PATCH', body: given('name', 'size') },
    v2: { path: '/network-volumes/{networkVolumeId}', method: 'PATCH', body: given('name', 'size') },
  },
  'delete-network-volume': volumes.delete,

  'list-container-registry-auths': registries.list,
  'get-container-registry-auth': registries.get,
  'create-container-registry-auth': {
    kind: 'REGISTRIES',
    v1: { path: '/containerregistryauth', method: 'POST', body: given('name', 'username', 'password') },
    v2: { path: '/registries', method: 'POST', body: given('name', 'username', 'password') },
  },
  'delete-container-registry-auth': registries.delete,

  'list-registry-delegations': {
    kind: 'DELEGATIONS',
    v2: { path: '/registries/delegations', list: 'delegations' },
  },
  'create-registry-delegation': {
    kind: 'DELEGATIONS',
    v2: { path: '/registries/delegations', method: 'POST', body: given('resource', 'name') },
  },
  'delete-registry-delegation': {
    kind: 'DELEGATIONS',
    v2: { path: '/registries/delegations/{delegationId}', method: 'DELETE' },
  },

  'get-billing': {
    kind: 'BILLING',
    v2: {
      path: ({ scope = 'all' }) => (scope === 'all' ? '/billing' : `/billing/${String(scope)}`),
      list: 'records',
      beside: ['metadata'],
      // A number of buckets and a window exclude each other; the window goes first.
      query: (args) => ({
        ...given(...windowed)(args),
        ...(args.startTime === undefined && args.endTime === undefined && given('lastN')(args)),
      }),
    },
  },
  'list-data-centers': {
    kind: 'DATA_CENTERS',
    v2: {
      path: '/catalog/datacenters',
      list: 'dataCenters',
      keep: (items, { region }) =>
        !region ? items : items.filter((center) => includes(center.region, region)),
    },
  },
};

/** Sends the request of a row and says what came of it. */
export async function sendRow(
  { side, base }: { side: Side; base: 'rest' | 'rest1' },
  args: Args,
  wire: RunpodWire,
): Promise<NativeAnswer> {
  const { method = 'GET', body, list, beside = [], keep } = side;
  const call = {
    base,
    method,
    path: pathOf(side, args),
    query: queryOf(side, args),
    ...(body !== undefined && { json: body(args) }),
    purpose: method === 'GET' ? 'read' : 'change',
  } as const;
  if (list === undefined) return answerOf(call, wire);
  const reply = await wire.body(call);
  const items = itemsOf(reply, list);
  const kept = keep?.(items, args) ?? items;
  const more = isObject(reply) ? Object.fromEntries(beside.map((name) => [name, reply[name]])) : {};
  const filtered = keep === keepPods ? podFilters.filter((name) => args[name] !== undefined) : [];
  return page(kept, args, { ...more, ...(filtered.length > 0 && { _filteredHere: filtered }) });
}

async function answerOf(call: Parameters<RunpodWire['send']>[0], wire: RunpodWire): Promise<NativeAnswer> {
  if (call.method !== 'DELETE') return { body: await wire.object(call) };
  const reply = await wire.send(call);
  if (reply.status >= 400) throw wire.failure(reply, 'change');
  // A page of whatever stands before the platform is no word of it: nothing is known to be gone.
  if (typeof reply.body === 'string' || typeof reply.body === 'number')
    throw malformed('Runpod', reply.status, 'no object');
  return { body: isObject(reply.body) ? reply.body : { success: true, status: reply.status } };
}

function pathOf({ path }: Side, args: Args): string {
  if (typeof path !== 'string') return path(args);
  return path.replace(/\{(\w+)\}/g, (_, name: string) => segment(args[name]));
}

function queryOf({ query = [] }: Side, args: Args): Record<string, string | number | boolean | string[]> {
  const asked = typeof query === 'function' ? query(args) : given(...query)(args);
  const entries = Object.entries(asked).filter(([, value]) => value !== undefined && value !== false);
  // as: strings, numbers, booleans and lists of strings is all that the schemas of these arguments let through.
  return Object.fromEntries(entries) as Record<string, string | number | boolean | string[]>;
}
