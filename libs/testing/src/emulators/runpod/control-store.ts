/** What an emulated Runpod account has: kept in the words of version 2 of the control plane, shown in those of either. */
import type { Emulator } from '../kit/index.ts';
import { Refusal } from '../kit/index.ts';

export type Item = Record<string, unknown>;

export const kinds = [
  'pods',
  'endpoints',
  'templates',
  'networkVolumes',
  'registries',
  'delegations',
] as const;
export type Kind = (typeof kinds)[number];

const seeds: Readonly<Partial<Record<Kind, readonly Item[]>>> = {
  endpoints: [
    endpoint({ id: '4m7x2k9q', name: 'image-generator', image: 'runpod/worker-comfyui:5.5.0-base' }),
    endpoint({ id: '8vllm3k1', name: 'my-llama', image: 'runpod/worker-v1-vllm:v2.9.0' }),
    endpoint({ id: 'ep1', name: 'echo', image: 'registry.example/echo:1' }),
    endpoint({
      id: '2lb8x7c4',
      name: 'my-http-server',
      image: 'registry.example/http:1',
      type: 'LOAD_BALANCER',
    }),
  ],
  templates: [
    {
      ...{ id: '9x4m2p7v', name: 'PyTorch', image: 'runpod/pytorch:2.8.0', args: '', disk: 50 },
      ...{ mounts: { persistent: { size: 20, path: '/workspace' } }, ports: ['8888/http'], env: {} },
      ...{ registry: null, serverless: false, public: false, category: 'NVIDIA' },
    },
  ],
};

/** An endpoint as it is where its creation says nothing else. */
export function endpoint(given: Item): Item {
  return {
    ...{ type: 'QUEUE', args: '', disk: 20, ports: ['8000/http'], registry: null },
    env: { MODEL_NAME: 'meta-llama/Llama-3.1-8B-Instruct', HF_TOKEN: 'never-shown' },
    gpu: { pools: ['ADA_24'], count: 1 },
    workers: { min: 0, max: 5, idleTimeout: 5 },
    scaling: { type: 'QUEUE_DELAY', queueDelay: 4 },
    ...{ dataCenterIds: ['US-KS-2'], networkVolumes: [], timeout: 300_000, flashboot: 'OFF' },
    createdAt: '2026-06-01T12:00:00Z',
    ...given,
  };
}

/** All of one kind; the first look puts there what every account begins with. */
export function storeOf(emulator: Emulator, kind: Kind): Map<string, Item> {
  const known = emulator.resources.get(kind);
  if (known !== undefined) return known;
  const fresh = new Map((seeds[kind] ?? []).map((item) => [String(item.id), { ...item }]));
  emulator.resources.set(kind, fresh);
  return fresh;
}

/** One of them, or the refusal of the version that was asked. */
export function find(emulator: Emulator, at: { kind: Kind; isSecond: boolean }, id = ''): Item {
  const found = storeOf(emulator, at.kind).get(id);
  if (found !== undefined) return found;
  throw at.isSecond
    ? problem(404, 'Not Found', `${id} was not found`)
    : new Refusal({ status: 404, body: { error: 'not found' } });
}

export function keep(emulator: Emulator, kind: Kind, item: Item): Item {
  const id = emulator.id('', 14);
  const kept = { ...item, id };
  storeOf(emulator, kind).set(id, kept);
  return kept;
}

/** Refuses as version 2 does. */
export function problem(status: number, title: string, detail: string): Refusal {
  const body = { title, status, detail };
  return new Refusal({ status, body, headers: { 'content-type': 'application/problem+json' } });
}

/** A success that is no 200; one without a body has none at all. */
export function answered(status: 201 | 204, body?: unknown): Refusal {
  return new Refusal({ status, ...(body !== undefined && { body }) });
}

export function timeOf(emulator: Emulator): string {
  return new Date(emulator.now()).toISOString();
}

export function isItem(value: unknown): value is Item {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** As version 2 shows it. */
export function shownV2(emulator: Emulator, kind: Kind, item: Item): Item {
  if (kind === 'registries') return { id: item.id, name: item.name };
  if (kind !== 'endpoints') return item;
  const { id, name, type, ...more } = item;
  const at = (path: string) => emulator.url(`/${String(id)}/${path}`);
  const host = `https://${String(id)}.api.runpod.ai`;
  const requestUrls =
    type === 'LOAD_BALANCER'
      ? { base: host, health: `${host}/ping` }
      : {
          run: at('run'),
          runSync: at('runsync'),
          status: at('status/{job_id}'),
          stream: at('stream/{job_id}'),
          cancel: at('cancel/{job_id}'),
          retry: at('retry/{job_id}'),
          purgeQueue: at('purge-queue'),
          health: at('health'),
        };
  return { id, name, type, requestUrls, ...more };
}

function endpointV1({ id, name, template: made, image, workers: given }: Item, withTemplate: boolean): Item {
  const template = { id: 'tpl1', name: `${String(name)}-template`, imageName: image, isServerless: true };
  const { min = 0, max = 3 } = isItem(given) ? given : {};
  return {
    ...{ id, name, templateId: made ?? 'tpl1', computeType: 'GPU' },
    ...{ gpuTypeIds: ['NVIDIA GeForce RTX 4090'], workersMin: min, workersMax: max },
    ...(withTemplate && { template }),
  };
}

/** As version 1 shows it; `withTemplate` is what an endpoint's image is told by there. */
export function shownV1(kind: Kind, item: Item, withTemplate = false): Item {
  const { id, name } = item;
  if (kind === 'registries') return { id, name };
  if (kind === 'networkVolumes') return { id, name, size: item.size, dataCenterId: item.dataCenter };
  if (kind === 'endpoints') return endpointV1(item, withTemplate);
  const mounts = isItem(item.mounts) && isItem(item.mounts.persistent) ? item.mounts.persistent : undefined;
  const disks = {
    containerDiskInGb: item.disk,
    ...(mounts && { volumeInGb: mounts.size, volumeMountPath: mounts.path }),
  };
  const shared = { id, name, ...disks, ports: item.ports, env: item.env };
  if (kind === 'templates') {
    const { image, serverless = false, public: isPublic = false } = item;
    return { ...shared, imageName: image, isServerless: serverless, isPublic, readme: '' };
  }
  const gpu = isItem(item.gpu) ? item.gpu : undefined;
  return {
    ...shared,
    ...{ image: item.image, costPerHr: item.cost, lastStartedAt: item.startedAt, machineId: 's194cr8pls2z' },
    desiredStatus: item.status === 'STOPPED' ? 'EXITED' : item.status,
    ...(gpu && { gpuCount: gpu.count }),
  };
}
