/** What the emulated platform sells: GPUs with their prices, processors, data centres, and what an account has paid. */
import type { EmulatedRoute, Emulator } from '../kit/index.ts';
import { type Item, problem, timeOf } from './control-store.ts';

interface Gpu {
  id: string;
  name: string;
  pool: string;
  memory: number;
  secure: number;
  community: number | undefined;
  stock: 'HIGH' | 'MEDIUM' | 'LOW' | 'NONE';
}

const gpus: readonly Gpu[] = [
  {
    ...{ id: 'NVIDIA GeForce RTX 4090', name: 'RTX 4090', pool: 'ADA_24', memory: 24 },
    ...{ secure: 0.44, community: 0.32, stock: 'LOW' },
  },
  {
    ...{ id: 'NVIDIA A100 80GB PCIe', name: 'A100 PCIe', pool: 'AMPERE_80', memory: 80 },
    ...{ secure: 1.45, community: undefined, stock: 'HIGH' },
  },
  {
    ...{ id: 'NVIDIA H100 NVL', name: 'H100 NVL', pool: 'ADA_80_PRO', memory: 94 },
    ...{ secure: 2.6, community: undefined, stock: 'NONE' },
  },
];

const cpus: readonly Item[] = [
  {
    ...{ id: 'cpu3c', name: 'Compute-Optimized', group: 'Gen 3', vcpu: { min: 2, max: 32 }, ramGbPerVcpu: 2 },
    ...{ price: { securePerVcpu: 0.04, serverlessPerVcpu: 0.03 }, availability: 'MEDIUM' },
  },
];

const dataCenters: readonly Item[] = [
  {
    ...{ id: 'US-KS-2', name: 'US Kansas 2', region: 'NORTH_AMERICA', globalNetwork: true },
    ...{ networkVolumeTypes: ['STANDARD', 'HIGH_PERFORMANCE'], compliance: ['SOC_2_TYPE_2'] },
  },
  {
    ...{ id: 'EU-RO-1', name: 'EU Romania 1', region: 'EUROPE', globalNetwork: true },
    ...{ networkVolumeTypes: ['STANDARD'], compliance: ['GDPR'] },
  },
];

const gpuQuery = ['include', 'product', 'count', 'cloud', 'minCudaVersion'];
const window = ['startTime', 'endTime', 'bucketSize', 'lastN'];
const scopes = {
  '': [],
  '/pods': ['podId'],
  '/serverless': ['serverlessId'],
  '/endpoints': [],
  '/networkvolumes': ['networkVolumeId'],
  '/clusters': ['clusterId'],
};

/** By the hour and in USD; undefined where there is no such GPU or nobody rents it there. */
export function priceOf(id: unknown, cloud: unknown = 'SECURE'): number | undefined {
  const gpu = gpus.find((one) => one.id === id);
  return cloud === 'COMMUNITY' ? gpu?.community : gpu?.secure;
}

function shownGpu({ id, name, pool, memory, secure, community, stock }: Gpu, hasStock: boolean): Item {
  return {
    ...{ id, name, pool, manufacturer: 'NVIDIA', memory, secure: true, community: community !== undefined },
    price: { secure, ...(community !== undefined && { community }) },
    maxCount: { secure: 8, community: 4 },
    ...(hasStock && {
      availability: stock,
      dataCenters: [{ id: 'US-KS-2', name: 'US Kansas 2', availability: stock }],
    }),
  };
}

function one<T extends { id?: unknown }>(items: readonly T[], id: string | undefined): T {
  const found = items.find((item) => item.id === id);
  if (found === undefined) throw problem(404, 'Not Found', `${id ?? ''} was not found`);
  return found;
}

export function catalogRoutes(emulator: Emulator): EmulatedRoute[] {
  const read = (path: string, query: readonly string[], handle: EmulatedRoute['handle']): EmulatedRoute => ({
    ...{ method: 'GET', base: 'rest', path, kind: 'catalog', query, handle },
  });
  const hasStock = ({ query }: Parameters<EmulatedRoute['handle']>[0]) => query.include === 'AVAILABILITY';
  return [
    read('/catalog/gpus', gpuQuery, (call) => ({ gpus: gpus.map((gpu) => shownGpu(gpu, hasStock(call))) })),
    read('/catalog/gpus/:id', gpuQuery, (call) => shownGpu(one(gpus, call.params.id), hasStock(call))),
    read('/catalog/cpus', ['include', 'product', 'vcpuCount'], () => ({ cpus })),
    read('/catalog/cpus/:id', ['include', 'product', 'vcpuCount'], ({ params }) => one(cpus, params.id)),
    read(
      '/catalog/datacenters',
      ['include', 'regions', 'networkVolumeTypes', 'compliance', 'globalNetwork'],
      () => ({ dataCenters }),
    ),
    read('/catalog/datacenters/:id', ['include'], ({ params }) => one(dataCenters, params.id)),
    ...Object.entries(scopes).map(([path, more]) =>
      read(`/billing${path}`, [...window, ...more], () => ({
        records: [{ startTime: timeOf(emulator), endTime: timeOf(emulator), totalAmount: 1.5 }],
        metadata: { recordCount: 1, totals: { totalAmount: 1.5 } },
      })),
    ),
  ];
}

/** The same GPUs as GraphQL tells them. */
export function graphqlGpus(): Item[] {
  const words = { HIGH: 'High', MEDIUM: 'Medium', LOW: 'Low', NONE: null };
  return gpus.map(({ id, name, memory, secure, community, stock }) => ({
    ...{
      id,
      displayName: name,
      memoryInGb: memory,
      secureCloud: true,
      communityCloud: community !== undefined,
    },
    lowestPrice: {
      stockStatus: words[stock],
      uninterruptablePrice: stock === 'NONE' ? null : secure,
      gpuTypeCudaVersions: stock === 'NONE' ? null : [{ cudaVersion: '12.8', availability: 'AVAILABLE' }],
    },
  }));
}

export function graphqlDataCenters(): Item[] {
  return dataCenters.map(({ id, name, region }) => ({ id, name, location: region }));
}
