/** Serverless endpoints made and changed, in the words of either version. */
import { isObject } from '@inferry/contracts';
import { type Args, compact, type Item, type NativeAnswer, refused, segment, strings } from './answer.ts';
import { cudaIsV2, cudaOf, hasCuda, type Rest, sendOnce } from './sent-once.ts';
import type { RunpodWire } from './wire.ts';

const defaultTarget = 4;

function scaling(type: unknown, value: unknown): Item {
  const target = value ?? defaultTarget;
  return type === 'REQUEST_COUNT'
    ? { type: 'REQUEST_COUNT', requestCount: target }
    : { type: 'QUEUE_DELAY', queueDelay: target };
}

function refusalOfScaling(type: unknown, value: unknown): NativeAnswer | undefined {
  if (type !== 'REQUEST_COUNT' || value === undefined || Number.isInteger(value)) return undefined;
  return refused('REQUEST_COUNT scales by whole requests: scalerValue has to be a whole number.', 400);
}

/** An endpoint's settings in the words of version 2, but for its kind and its scaling. */
function endpointOf(args: Args, gpu: Item): Item {
  const workers = compact({ min: args.workersMin, max: args.workersMax, idleTimeout: args.idleTimeout });
  const some = (list: unknown) => (strings(list)?.length === 0 ? undefined : list);
  return compact({
    name: args.name,
    image: args.imageName,
    args: args.args,
    disk: args.containerDiskInGb,
    ports: args.ports,
    env: args.env,
    registry: args.containerRegistryAuthId,
    gpu: Object.keys(gpu).length > 0 ? gpu : undefined,
    workers: Object.keys(workers).length > 0 ? workers : undefined,
    dataCenterIds: some(args.dataCenterIds),
    networkVolumes: some(args.networkVolumeIds),
    timeout: args.executionTimeoutMs,
    flashboot: args.flashboot,
  });
}

const firstVersionFields = [
  'templateId',
  'name',
  'computeType',
  'gpuTypeIds',
  'gpuCount',
  'workersMin',
  'workersMax',
  'dataCenterIds',
];

/** Version 1 makes endpoints from templates, and takes a part of the settings. */
async function createByTemplate(args: Args, wire: RunpodWire): Promise<NativeAnswer> {
  if (hasCuda(args)) return cudaIsV2();
  if (!args.templateId) {
    return refused('On version 1 an endpoint is made from a template: pass templateId.', 400);
  }
  const json = compact(Object.fromEntries(firstVersionFields.map((name) => [name, args[name]])));
  return { body: await sendOnce({ base: 'rest1', path: '/endpoints', method: 'POST', json }, wire) };
}

export async function createEndpoint(args: Args, wire: RunpodWire, rest: Rest): Promise<NativeAnswer> {
  if (rest === 'v1') return createByTemplate(args, wire);
  const type = args.endpointType ?? 'QUEUE';
  const scaler = args.scalerType ?? (type === 'LOAD_BALANCER' ? 'REQUEST_COUNT' : 'QUEUE_DELAY');
  const checked = cudaOf(args);
  const refusal = refusalOfEndpoint(args, { type, scaler });
  if (refusal !== undefined) return refusal;
  if (checked.refusal !== undefined) return checked.refusal;
  const gpu = compact({ pools: args.gpuPoolIds, count: args.gpuCount, ...checked.cuda });
  const json = { ...endpointOf(args, gpu), type, scaling: scaling(scaler, args.scalerValue) };
  return { body: await sendOnce({ base: 'rest', path: '/serverless', method: 'POST', json }, wire) };
}

function refusalOfEndpoint(
  args: Args,
  { type, scaler }: { type: unknown; scaler: unknown },
): NativeAnswer | undefined {
  if (!args.name) return refused('An endpoint needs a name.', 400);
  if (!args.imageName) {
    const why = 'On version 2 an endpoint is made from imageName and gpuPoolIds; templateId is of version 1';
    return refused(`${why} (RUNPOD_REST_VERSION=v1).`, 400);
  }
  if ((strings(args.gpuPoolIds) ?? []).length === 0) {
    return refused('An endpoint needs gpuPoolIds: values of "pool" in list-gpu-types.', 400);
  }
  if (type === 'LOAD_BALANCER' && scaler === 'QUEUE_DELAY') {
    return refused('A LOAD_BALANCER has no queue: scale it by REQUEST_COUNT.', 400);
  }
  return refusalOfScaling(scaler, args.scalerValue);
}

/** What is sent as it was given. */
async function updateByFields({ endpointId, ...changes }: Args, wire: RunpodWire): Promise<NativeAnswer> {
  if (hasCuda(changes)) return cudaIsV2();
  const path = `/endpoints/${segment(endpointId)}`;
  const json = compact(changes);
  return { body: await wire.object({ base: 'rest1', path, method: 'PATCH', json, purpose: 'change' }) };
}

export async function updateEndpoint(args: Args, wire: RunpodWire, rest: Rest): Promise<NativeAnswer> {
  if (rest === 'v1') return updateByFields(args, wire);
  const path = `/serverless/${segment(args.endpointId)}`;
  const { scalerType, scalerValue, gpuCount } = args;
  const pools = strings(args.gpuPoolIds);
  const checked = cudaOf(args);
  if (checked.refusal !== undefined) return checked.refusal;
  if (pools?.length === 0) return refused('gpuPoolIds is empty: an endpoint needs a pool.', 400);
  const needsScaler = scalerType === undefined && scalerValue !== undefined;
  const current = needsScaler || pools !== undefined ? await wire.object({ base: 'rest', path }) : {};
  const scaler = scalerType ?? (isObject(current.scaling) ? current.scaling.type : undefined);
  const refusal = refusalOfScaling(scaler, scalerValue);
  if (refusal !== undefined) return refusal;
  const hasScaling = scalerType !== undefined || scalerValue !== undefined;
  const json = {
    ...endpointOf(args, compact({ pools, count: gpuCount, ...checked.cuda })),
    ...(hasScaling && { scaling: scaling(scaler, scalerValue) }),
  };
  const body = await wire.object({ base: 'rest', path, method: 'PATCH', json, purpose: 'change' });
  return { body: pools === undefined ? body : { ...body, ...lostExclusions(current) } };
}

function lostExclusions({ gpu }: Item): Item {
  const excluded = isObject(gpu) ? (strings(gpu.excludedTypes) ?? []) : [];
  if (excluded.length === 0) return {};
  const named = excluded.join(', ');
  return {
    _warning: `The new pools leave nothing out any more (${named}): set it again with set-endpoint-gpus.`,
  };
}
