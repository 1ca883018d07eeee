/** The calls of edition 4: one request for each operation of REST version 2, its arguments as they come, and the others by hand. */
import { AppError, isObject } from '@inferry/contracts';
import {
  type Args,
  causeOf,
  compact,
  type Item,
  itemsOf,
  type NativeAnswer,
  type NativeCall,
  page,
  segment,
} from './answer.ts';
import { getCapacity, listPublicEndpoints, parsedObject } from './catalog.ts';
import { setEndpointGpusV4 } from './gpus.ts';
import { deployHubRepo, listHubRepos } from './hub.ts';
import {
  cancelJob,
  endpointHealth,
  getJobStatus,
  podLogs,
  purgeQueue,
  type QueueDiagnoses,
  retryJob,
  runEndpoint,
  runsyncEndpoint,
  streamJob,
  workerLogs,
} from './jobs.ts';
import type { RunpodWire } from './wire.ts';

interface Operation {
  method: 'GET' | 'POST' | 'PATCH' | 'PUT' | 'DELETE';
  /** `{name}` stands for that argument. */
  path: string;
  /** Arguments that go into the query, lists joined by commas. */
  query?: readonly string[];
}

const get = (path: string, ...query: string[]): Operation => ({ method: 'GET', path, query });
const post = (path: string): Operation => ({ method: 'POST', path });
const patch = (path: string): Operation => ({ method: 'PATCH', path });
const remove = (path: string): Operation => ({ method: 'DELETE', path });

const billing = ['startTime', 'endTime', 'bucketSize', 'lastN'];
const gpuQuery = ['include', 'product', 'count', 'cloud', 'countryCodes', 'cudaVersions', 'minCudaVersion'];
const cpuQuery = ['include', 'product', 'vcpuCount'];

const operations: Readonly<Record<string, Operation>> = {
  'list-pods': get('/pods', 'includeClusterPods'),
  'get-pod': get('/pods/{id}'),
  'create-pod': post('/pods'),
  'update-pod': patch('/pods/{id}'),
  'delete-pod': remove('/pods/{id}'),
  'pod-action': post('/pods/{id}/action'),

  'get-endpoint': get('/serverless/{id}'),
  'create-endpoint': post('/serverless'),
  'update-endpoint': patch('/serverless/{id}'),
  'delete-endpoint': remove('/serverless/{id}'),
  'list-endpoint-releases': get('/serverless/{id}/releases'),
  'list-endpoint-workers': get('/serverless/{id}/workers'),
  'list-endpoint-builds': get('/serverless/{id}/builds'),
  'get-endpoint-build': get('/serverless/{id}/builds/{buildId}'),

  'get-template': get('/templates/{id}'),
  'create-template': post('/templates'),
  'update-template': patch('/templates/{id}'),
  'delete-template': remove('/templates/{id}'),
  'list-public-templates': get('/catalog/templates', 'source'),

  'list-network-volumes': get('/network-volumes'),
  'get-network-volume': get('/network-volumes/{id}'),
  'create-network-volume': post('/network-volumes'),
  'update-network-volume': patch('/network-volumes/{id}'),
  'delete-network-volume': remove('/network-volumes/{id}'),

  'list-registries': get('/registries'),
  'get-registry': get('/registries/{id}'),
  'create-registry': post('/registries'),
  'delete-registry': remove('/registries/{id}'),
  'list-delegations': get('/registries/delegations'),
  'create-delegation': post('/registries/delegations'),
  'revoke-delegation': remove('/registries/delegations/{id}'),

  'list-clusters': get('/clusters'),
  'get-cluster': get('/clusters/{id}'),
  'create-cluster': post('/clusters'),
  'update-cluster': patch('/clusters/{id}'),
  'delete-cluster': remove('/clusters/{id}'),
  'list-cluster-pods': get('/clusters/{id}/pods'),

  'list-gpu-types': get('/catalog/gpus', ...gpuQuery),
  'get-gpu-type': get('/catalog/gpus/{id}', ...gpuQuery),
  'list-cpu-types': get('/catalog/cpus', ...cpuQuery),
  'get-cpu-type': get('/catalog/cpus/{id}', ...cpuQuery),
  'list-data-centers': get(
    '/catalog/datacenters',
    'include',
    'regions',
    'networkVolumeTypes',
    'compliance',
    'globalNetwork',
  ),
  'get-data-center': get('/catalog/datacenters/{id}', 'include'),

  'list-billing': get('/billing', ...billing),
  'list-pod-billing': get('/billing/pods', ...billing, 'podId'),
  'list-serverless-billing': get('/billing/serverless', ...billing, 'serverlessId'),
  'list-endpoint-billing': get('/billing/endpoints', ...billing),
  'list-network-volume-billing': get('/billing/network-volumes', ...billing, 'networkVolumeId'),
  'list-cluster-billing': get('/billing/clusters', ...billing, 'clusterId'),

  'get-ssh-keys': get('/account/ssh-keys'),
  'update-ssh-keys': { method: 'PUT', path: '/account/ssh-keys' },
};

const byHand: Readonly<Record<string, NativeCall>> = {
  'list-endpoints': listEndpoints,
  'list-templates': listTemplates,
  'run-endpoint': runEndpoint,
  'runsync-endpoint': runsyncEndpoint,
  'stream-job': streamJob,
  'cancel-job': cancelJob,
  'retry-job': retryJob,
  'endpoint-health': endpointHealth,
  'purge-endpoint-queue': purgeQueue,
  'stream-pod-logs': podLogs,
  'stream-worker-logs': workerLogs,
  'get-capacity': getCapacity,
  'list-hub-repos': listHubRepos,
  'deploy-hub-repo': deployHubRepo,
  'set-endpoint-gpus': setEndpointGpusV4,
  'list-public-endpoints': listPublicEndpoints,
};

/** An argument that nobody knows, or one that is missing, before anything is sent. */
export function refusalOfArguments({
  args,
  accepted,
  required = [],
}: {
  args: Args;
  accepted?: readonly string[] | undefined;
  required?: readonly string[] | undefined;
}): NativeAnswer | undefined {
  if (accepted === undefined) return undefined;
  const given = Object.keys(args);
  const missing = required.find((name) => args[name] === undefined);
  if (missing !== undefined) {
    const hint = `Pass ${required.join(', ')}.`;
    return {
      body: { error: `Missing required argument: ${missing}`, expected: required, received: given, hint },
      isError: true,
    };
  }
  const unknown = given.find((name) => !accepted.includes(name));
  if (unknown === undefined) return undefined;
  const hint = accepted.length === 0 ? 'It takes no argument.' : `It takes ${accepted.join(', ')}.`;
  return { body: { error: `Unknown argument: ${unknown}`, accepted, hint }, isError: true };
}

/** Failures are bodies here: the platform's own, with what to do. */
export async function callV4(
  name: string,
  args: Args,
  { wire, queue }: { wire: RunpodWire; queue: QueueDiagnoses },
): Promise<NativeAnswer> {
  const operation = operations[name];
  if (operation !== undefined) return callOperation(operation, args, wire);
  const call: NativeCall | undefined =
    name === 'get-job-status' ? (given, to) => getJobStatus(given, to, queue) : byHand[name];
  if (call === undefined) throw new AppError('tool_not_available', 'Runpod has no such call.');
  try {
    const answer = await call({ ...args, limit: numberOf(args.limit) }, wire);
    if (answer.isError !== true || !isObject(answer.body) || 'hint' in answer.body) return answer;
    const { status: _, ...body } = answer.body;
    return {
      body: { ...body, hint: 'Change the arguments as the error says; nothing was sent.' },
      isError: true,
      cause: causeOf(answer),
    };
  } catch (error) {
    if (!(error instanceof AppError) || error.code === 'cancelled') throw error;
    // Whether the platform took it is unknown: that is said as an error of ours.
    if (error.code === 'unavailable' && error.upstreamStatus === undefined) throw error;
    const hint = hintOf(error);
    const body = compact({ error: error.message, detail: detailOf(error, wire), hint });
    return { body, isError: true, cause: error };
  }
}

/** What the platform said; of a limit, with how long to wait. */
function detailOf(
  { upstreamStatus, nextAction, retryAfterSeconds: wait }: AppError,
  wire: RunpodWire,
): unknown {
  // A page of whatever stands before the platform tells an agent nothing.
  const isPage = typeof wire.refusedBody === 'string' && wire.refusedBody.trimStart().startsWith('<');
  const refusedBody = isPage ? undefined : wire.refusedBody;
  if (upstreamStatus !== 429) return refusedBody;
  const told = isObject(refusedBody) ? refusedBody : { error: refusedBody };
  return { ...told, hint: wait === undefined ? nextAction : `Wait ${wait} s, then call again.` };
}

/** Clients that know no objects in arguments send one as text. */
function bodyOf({ body = {} }: Args): Item | undefined {
  if (typeof body === 'string') {
    const parsed = parsedObject(body);
    return Object.keys(parsed).length > 0 ? parsed : undefined;
  }
  return isObject(body) ? body : undefined;
}

async function callOperation(
  { method, path, query = [] }: Operation,
  args: Args,
  wire: RunpodWire,
): Promise<NativeAnswer> {
  const json = bodyOf(args);
  if (json === undefined) {
    const hint = 'Pass body as an object of the fields that the tool lists.';
    return { body: { error: 'body is no object.', hint }, isError: true };
  }
  const nested = query.find((name) => [args[name]].flat().some((value) => typeof value === 'object'));
  if (nested !== undefined) {
    const hint = 'Pass it as the tool lists it; nothing was sent.';
    return { body: { error: `${nested} is no text, and no list of texts.`, hint }, isError: true };
  }
  const asked = query.flatMap((name) => {
    const value = args[name];
    return value === undefined ? [] : [[name, [value].flat().join(',')]];
  });
  const reply = await wire.send({
    base: 'rest',
    method,
    path: path.replace(/\{(\w+)\}/g, (_, name: string) => segment(args[name])),
    query: Object.fromEntries(asked),
    ...(method !== 'GET' && method !== 'DELETE' && { json }),
    purpose: method === 'GET' ? 'read' : method === 'POST' ? 'submit' : 'change',
  } as Parameters<RunpodWire['send']>[0]);
  if (reply.status >= 400) {
    const failure = wire.failure(reply);
    const told: Item = isObject(reply.body) ? reply.body : { error: failure.message, status: reply.status };
    return { body: compact({ ...told, hint: hintOf(failure) }), isError: true, cause: failure };
  }
  if (reply.body === undefined) return { body: { status: reply.status } };
  if (isObject(reply.body) || Array.isArray(reply.body)) return { body: reply.body };
  throw new AppError('upstream_malformed', 'Runpod answered something that cannot be read.', {
    upstreamStatus: reply.status,
  });
}

const knownStatuses: ReadonlySet<number> = new Set([400, 401, 402, 403, 404, 422]);

/** Undefined where a status says nothing of what to do. */
function hintOf({ nextAction, retryAfterSeconds, upstreamStatus = 500 }: AppError): string | undefined {
  const isKnown =
    upstreamStatus < 400 ||
    upstreamStatus >= 500 ||
    upstreamStatus === 429 ||
    knownStatuses.has(upstreamStatus);
  if (!isKnown) return undefined;
  const wait = retryAfterSeconds === undefined ? '' : ` Wait ${retryAfterSeconds} s.`;
  return `${nextAction ?? 'Change the call, or try again later.'}${wait}`;
}

const endpointFields = [
  'id',
  'name',
  'type',
  'image',
  'gpu',
  'workers',
  'scaling',
  'dataCenterIds',
  'flashboot',
  'createdAt',
];

/** A list in brief: the addresses of an endpoint and its variables are in `get-endpoint`. */
async function listEndpoints(args: Args, wire: RunpodWire): Promise<NativeAnswer> {
  const endpoints = itemsOf(await wire.body({ base: 'rest', path: '/serverless' }), 'endpoints');
  return page(
    endpoints.map((endpoint) => pick(endpoint, endpointFields)),
    args,
  );
}

async function listTemplates(_: Args, wire: RunpodWire): Promise<NativeAnswer> {
  const templates = itemsOf(await wire.body({ base: 'rest', path: '/templates' }), 'templates');
  return { body: { templates: templates.map((one) => pick(one, ['id', 'name', 'image', 'serverless'])) } };
}

function pick(item: Item, names: readonly string[]): Item {
  return compact(Object.fromEntries(names.map((name) => [name, item[name]])));
}

function numberOf(value: unknown): number | undefined {
  const number = Number(value);
  return value === undefined || !Number.isInteger(number) || number < 1 ? undefined : Math.min(number, 100);
}
