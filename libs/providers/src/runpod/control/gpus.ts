/** The GPUs of an endpoint, single types left out included: GraphQL has them in edition 3, REST in edition 4. */
import { AppError, isObject } from '@inferry/contracts';
import {
  type Args,
  compact,
  type Item,
  itemsOf,
  type NativeAnswer,
  refused,
  segment,
  strings,
} from './answer.ts';
import type { RunpodWire } from './wire.ts';

const settings =
  'id name gpuIds gpuCount workersMin workersMax idleTimeout scalerType scalerValue executionTimeoutMs flashBootType type locations templateId allowedCudaVersions minCudaVersion compliance modelReferences networkVolumeIds { networkVolumeId dataCenterId }';
/** Written by the platform whatever is sent: what is not repeated falls back to its default. */
const repeated = [
  'id',
  'name',
  'gpuIds',
  'gpuCount',
  'workersMin',
  'workersMax',
  'idleTimeout',
  'scalerType',
  'scalerValue',
  'executionTimeoutMs',
  'flashBootType',
  'type',
  'locations',
];
const nothingToSet = 'Pass gpuIds ("AMPERE_16,-NVIDIA RTX A4500"), or pools with excludeGpuTypeIds.';

/** `POOL,POOL,-TYPE`: pools, and types that are left out of them. */
function gpuIdsOf({ gpuIds, pools, excludeGpuTypeIds }: Args): string | undefined {
  if (typeof gpuIds === 'string' && gpuIds !== '') return gpuIds;
  const listed = strings(pools) ?? [];
  if (listed.length === 0) return undefined;
  return [...listed, ...(strings(excludeGpuTypeIds) ?? []).map((type) => `-${type}`)].join(',');
}

export async function setEndpointGpus(args: Args, wire: RunpodWire): Promise<NativeAnswer> {
  const { endpointId, gpuCount, minCudaVersion, allowedCudaVersions } = args;
  const gpuIds = gpuIdsOf(args);
  if (gpuIds === undefined && gpuCount === undefined) return refused(nothingToSet);
  const account = await wire.graphql('account', `query { myself { endpoints { ${settings} } } }`);
  const known = isObject(account.myself) ? itemsOf(account.myself, 'endpoints') : [];
  const endpoint = known.find(({ id }) => id === endpointId);
  if (endpoint === undefined) return refused(`This account has no endpoint ${String(endpointId)}.`);
  const volumes = Array.isArray(endpoint.networkVolumeIds) ? endpoint.networkVolumeIds.filter(isObject) : [];
  const input: Item = {
    ...Object.fromEntries(repeated.map((name) => [name, endpoint[name] ?? null])),
    networkVolumeIds:
      volumes.length === 0 ? undefined : volumes.map(({ networkVolumeId }) => ({ networkVolumeId })),
    templateId: endpoint.templateId ?? undefined,
    allowedCudaVersions: allowedCudaVersions ?? endpoint.allowedCudaVersions ?? undefined,
    minCudaVersion: minCudaVersion ?? endpoint.minCudaVersion ?? undefined,
    compliance: endpoint.compliance ?? undefined,
    modelReferences: endpoint.modelReferences ?? undefined,
    ...compact({ gpuIds, gpuCount }),
  };
  const mutation =
    'mutation saveEndpoint($input: EndpointInput!) { saveEndpoint(input: $input) { id name gpuIds gpuCount workersMin workersMax } }';
  const saved = await wire.graphql('account', mutation, {
    variables: { input: compact(input) },
    purpose: 'change',
  });
  return { body: { endpoint: saved.saveEndpoint, previousGpuIds: endpoint.gpuIds } };
}

/** What is wrong with the arguments, which edition 4 checks by itself: an endpoint would get GPUs that nobody meant. */
function faultOfV4(args: Args): string | undefined {
  const { endpointId, gpuIds, pools, excludeGpuTypeIds, gpuCount, allowedCudaVersions, minCudaVersion } =
    args;
  const isCount = typeof gpuCount === 'number' && Number.isInteger(gpuCount) && gpuCount > 0;
  const isVersion = typeof minCudaVersion === 'string' && /^(\d+(\.\d+)?)?$/.test(minCudaVersion);
  const faults: readonly (readonly [isWrong: boolean, said: string])[] = [
    [!isText(endpointId), 'endpointId is the id of an endpoint.'],
    [gpuIds !== undefined && !isText(gpuIds), 'gpuIds is text.'],
    [gpuIds === undefined && !(areTexts(pools) && pools.length > 0), nothingToSet],
    [
      excludeGpuTypeIds !== undefined && !areTexts(excludeGpuTypeIds),
      'excludeGpuTypeIds is a list of texts.',
    ],
    [gpuCount !== undefined && !isCount, 'gpuCount is a whole number from 1.'],
    [allowedCudaVersions !== undefined && typeof allowedCudaVersions !== 'string', cudaVersionsForm],
    [minCudaVersion !== undefined && !isVersion, 'minCudaVersion is like 12.4; an empty text clears it.'],
  ];
  return faults.find(([isWrong]) => isWrong)?.[1];
}

const cudaVersionsForm = 'allowedCudaVersions is text, with commas between versions.';

function isText(value: unknown): value is string {
  return typeof value === 'string' && value !== '';
}

function areTexts(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every(isText);
}

/** The same by REST alone. What is left out is replaced with the pools: types that nobody names are in again. */
export async function setEndpointGpusV4(args: Args, wire: RunpodWire): Promise<NativeAnswer> {
  const { endpointId, gpuCount, minCudaVersion, allowedCudaVersions } = args;
  const fault = faultOfV4(args);
  if (fault !== undefined) return refused(fault);
  const named = (gpuIdsOf(args) ?? '')
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '');
  const pools = named.filter((name) => !name.startsWith('-'));
  if (pools.length === 0) return refused('gpuIds names at least one pool.');
  const path = `/serverless/${segment(endpointId)}`;
  const before = await wire.object({ base: 'rest', path });
  const gpu = compact({
    pools,
    excludedTypes: named.filter((name) => name.startsWith('-')).map((name) => name.slice(1)),
    count: gpuCount,
    minCudaVersion,
    allowedCudaVersions: typeof allowedCudaVersions === 'string' ? allowedCudaVersions.split(',') : undefined,
  });
  const after = await wire.object({ base: 'rest', path, method: 'PATCH', json: { gpu }, purpose: 'change' });
  return { body: { endpoint: shortOf(after), previousGpuIds: gpuIdsOfRest(before) } };
}

function gpuIdsOfRest({ gpu }: Item): string | null {
  if (!isObject(gpu)) return null;
  return gpuIdsOf({ pools: gpu.pools, excludeGpuTypeIds: gpu.excludedTypes }) ?? null;
}

function shortOf(endpoint: Item): Item {
  const { id, name, gpu, workers } = endpoint;
  if (typeof id !== 'string') {
    throw new AppError('upstream_malformed', 'Runpod answered no endpoint.', { upstreamStatus: 200 });
  }
  const { count } = isObject(gpu) ? gpu : ({} as Item);
  const { min, max } = isObject(workers) ? workers : ({} as Item);
  return { id, name, gpuIds: gpuIdsOfRest(endpoint), gpuCount: count, workersMin: min, workersMax: max };
}
