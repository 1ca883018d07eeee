import type { EmulatedRoute, Emulator } from '../kit/index.ts';
import { Refusal } from '../kit/index.ts';

interface OwnEndpoint {
  id: string;
  name: string;
  image: string;
  type: 'QUEUE' | 'LOAD_BALANCER';
}

const endpoints: readonly OwnEndpoint[] = [
  { id: '4m7x2k9q', name: 'image-generator', image: 'runpod/worker-comfyui:5.5.0-base', type: 'QUEUE' },
  { id: '8vllm3k1', name: 'my-llama', image: 'runpod/worker-v1-vllm:v2.9.0', type: 'QUEUE' },
  { id: 'ep1', name: 'echo', image: 'registry.example/echo:1', type: 'QUEUE' },
  { id: '2lb8x7c4', name: 'my-http-server', image: 'registry.example/http:1', type: 'LOAD_BALANCER' },
];

/** The endpoints of the account: `rest` is version 2 of the control plane, `rest1` version 1. */
export function controlRoutes(emulator: Emulator): EmulatedRoute[] {
  return [
    {
      method: 'GET',
      base: 'rest',
      path: '/serverless',
      kind: 'catalog',
      handle() {
        if (emulator.quirks.has('rest_v2_gone')) {
          const body = { title: 'Not Found', status: 404, detail: 'no such route' };
          throw new Refusal({ status: 404, body, headers: { 'content-type': 'application/problem+json' } });
        }
        return { endpoints: endpoints.map((endpoint) => toV2(emulator, endpoint)) };
      },
    },
    {
      method: 'GET',
      base: 'rest1',
      path: '/endpoints',
      kind: 'catalog',
      query: ['includeTemplate', 'includeWorkers'],
      handle: ({ query }) => endpoints.map((endpoint) => toV1(endpoint, query.includeTemplate === 'true')),
    },
  ];
}

function toV2(emulator: Emulator, { id, name, image, type }: OwnEndpoint): unknown {
  const at = (path: string) => emulator.url(`/${id}/${path}`);
  const host = `https://${id}.api.runpod.ai`;
  return {
    id,
    name,
    type,
    requestUrls:
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
          },
    image,
    args: '',
    disk: 20,
    ports: ['8000/http'],
    env: { MODEL_NAME: 'meta-llama/Llama-3.1-8B-Instruct', HF_TOKEN: 'never-shown' },
    registry: null,
    gpu: { pools: ['ADA_24'], count: 1 },
    workers: { min: 0, max: 5, idleTimeout: 5 },
    scaling: { type: 'QUEUE_DELAY', queueDelay: 4 },
    dataCenterIds: ['US-KS-2'],
    networkVolumes: [],
    timeout: 300_000,
    flashboot: 'OFF',
    createdAt: '2026-06-01T12:00:00Z',
  };
}

function toV1({ id, name, image }: OwnEndpoint, withTemplate: boolean): unknown {
  const template = { id: 'tpl1', name: `${name}-template`, imageName: image, isServerless: true };
  return {
    id,
    name,
    templateId: 'tpl1',
    computeType: 'GPU',
    gpuTypeIds: ['NVIDIA GeForce RTX 4090'],
    workersMin: 0,
    workersMax: 3,
    ...(withTemplate && { template }),
  };
}
