/** What Runpod sells and shares, as its catalogues tell it: GPU types with their stock, data centres, public endpoints. */
import { AppError, isObject, toAppError } from '@inferry/contracts';
import {
  type Args,
  compact,
  type Item,
  includes,
  itemsOf,
  type NativeAnswer,
  page,
  refused,
  strings,
} from './answer.ts';
import type { RunpodWire } from './wire.ts';

const stockRank: Readonly<Record<string, number>> = { HIGH: 3, MEDIUM: 2, LOW: 1 };
const cudaVersion = /^\d{1,2}\.\d{1,2}$/;
const maxProbes = 12;

function rankOf(stock: unknown): number {
  return stockRank[String(stock ?? '').toUpperCase()] ?? 0;
}

/** `unknown` is the platform's own placeholder and no GPU. */
const isGpu = ({ id }: Item) => id !== 'unknown';

function byTerm(items: Item[], term: unknown, names: readonly string[]): Item[] {
  if (term === undefined || term === '') return items;
  return items.filter((item) => names.some((name) => includes(item[name], term)));
}

export async function listGpuTypes(args: Args, wire: RunpodWire): Promise<NativeAnswer> {
  const { includeAvailability, minCudaVersion, product = 'POD' } = args;
  if (minCudaVersion !== undefined) {
    if (includeAvailability === false) {
      return refused('minCudaVersion narrows the stock, so that it needs includeAvailability.', 400);
    }
    if (!/^\d+(\.\d+)?$/.test(String(minCudaVersion))) {
      return refused('minCudaVersion is a version such as "12" or "12.4".', 400);
    }
  }
  const query = includeAvailability === false ? {} : { include: 'AVAILABILITY', product, minCudaVersion };
  // as: what is defined is text, by the tool's schema.
  const call = {
    base: 'rest',
    path: '/catalog/gpus',
    query: compact(query) as Record<string, string>,
  } as const;
  const listed = itemsOf(await wire.body(call), 'gpus').filter(isGpu);
  const wanted = byTerm(listed, args.searchTerm, ['id', 'name']).filter(
    (gpu) =>
      (args.minMemoryGb === undefined || Number(gpu.memory ?? 0) >= Number(args.minMemoryGb)) &&
      (args.secureCloudOnly !== true || gpu.secure === true) &&
      (args.communityCloudOnly !== true || gpu.community === true) &&
      (args.includeUnavailable !== false || gpu.availability !== 'NONE'),
  );
  const sorted = wanted.toSorted((one, other) => rankOf(other.availability) - rankOf(one.availability));
  return page(
    sorted.map(({ dataCenters: _, ...gpu }) => gpu),
    args,
  );
}

const gpuFields = 'id displayName memoryInGb secureCloud communityCloud';

async function readGpuTypes(wire: RunpodWire, input: string, fields: string): Promise<Item[]> {
  const query = `query { gpuTypes { ${gpuFields} lowestPrice(input: { ${input} }) { ${fields} } } }`;
  return itemsOf(await wire.graphql('graphql', query), 'gpuTypes').filter(isGpu);
}

function priceOf({ lowestPrice }: Item): Item {
  return isObject(lowestPrice) ? lowestPrice : {};
}

function namesOf({ id, displayName, memoryInGb, secureCloud, communityCloud }: Item): Item {
  return { id, displayName, memoryGb: memoryInGb, secureCloud, communityCloud };
}

/** Version 1 has no catalogue: GraphQL has one, with no prices in this list. */
export async function listGpuTypesV1(args: Args, wire: RunpodWire): Promise<NativeAnswer> {
  if (args.minCudaVersion !== undefined) {
    return refused(
      'minCudaVersion needs version 2 of the REST API (RUNPOD_REST_VERSION=v2); get-capacity tells the stock by CUDA version.',
      501,
    );
  }
  const listed = await readGpuTypes(wire, 'gpuCount: 1', 'stockStatus');
  const shown = byTerm(listed, args.searchTerm, ['id', 'displayName']).map((gpu) => {
    const { stockStatus } = priceOf(gpu);
    const isAvailable = typeof stockStatus === 'string' && stockStatus !== '' && stockStatus !== 'Out';
    return { ...namesOf(gpu), stockStatus: stockStatus || 'unavailable', available: isAvailable } as Item;
  });
  const wanted = shown.filter(
    (gpu) =>
      (args.minMemoryGb === undefined || Number(gpu.memoryGb ?? 0) >= Number(args.minMemoryGb)) &&
      (args.secureCloudOnly !== true || gpu.secureCloud === true) &&
      (args.communityCloudOnly !== true || gpu.communityCloud === true) &&
      (args.includeUnavailable !== false || gpu.available === true),
  );
  const sorted = wanted.toSorted(
    (one, other) =>
      rankOf(other.stockStatus) - rankOf(one.stockStatus) || Number(other.memoryGb) - Number(one.memoryGb),
  );
  return page(sorted, args);
}

export async function listDataCentersV1(args: Args, wire: RunpodWire): Promise<NativeAnswer> {
  const listed = itemsOf(
    await wire.graphql('graphql', 'query { dataCenters { id name location } }'),
    'dataCenters',
  );
  return page(byTerm(listed, args.region, ['location']), args);
}

/** GPUs by the CUDA version of their hosts: one question for all, or one for each version with its stock and price. */
export async function getCapacity(args: Args, wire: RunpodWire): Promise<NativeAnswer> {
  const { gpuCount = 1, secureCloudOnly } = args;
  const secure = secureCloudOnly === true ? ', secureCloud: true' : '';
  const terms = (strings(args.gpuTypeIds) ?? []).filter((term) => term.trim() !== '');
  const isMeant = (gpu: Item) =>
    terms.length === 0 || terms.some((term) => includes(gpu.id, term) || includes(gpu.displayName, term));
  const count = `gpuCount: ${Math.trunc(Number(gpuCount))}`;
  const versions = strings(args.cudaVersions);
  const isList = (value: unknown) => value === undefined || Array.isArray(value);
  if (!isList(args.cudaVersions)) return refused('cudaVersions is a list, such as ["12.8"].');
  if (!isList(args.gpuTypeIds)) return refused('gpuTypeIds is a list of ids of list-gpu-types.');
  if (versions === undefined) {
    const fields = 'stockStatus uninterruptablePrice gpuTypeCudaVersions { cudaVersion availability }';
    const listed = await readGpuTypes(wire, count + secure, fields);
    return page(matrix(listed.filter(isMeant), args), args);
  }
  const asked = [...new Set(versions)].filter((version) => cudaVersion.test(version)).slice(0, maxProbes);
  const probes = await Promise.all(
    asked.map(async (version) => {
      const input = `${count}, allowedCudaVersions: ["${version}"]${secure}`;
      try {
        const listed = await readGpuTypes(wire, input, 'stockStatus uninterruptablePrice');
        return { version, listed: listed.filter(isMeant) };
      } catch (error) {
        // One version that cannot be asked for hides nothing of the others; a caller who is gone needs none.
        if (wire.signal.aborted) throw error;
        return { version, error: toAppError(error) };
      }
    }),
  );
  const failed = probes.flatMap(({ version, error }) =>
    error === undefined ? [] : [[version, error.message]],
  );
  if (failed.length === probes.length)
    throw probes[0]?.error ?? new AppError('upstream_unavailable', 'Runpod told nothing.');
  const probeErrors = failed.length === 0 ? undefined : Object.fromEntries(failed);
  return page(probed(probes, args), args, { probedCudaVersions: asked, probeErrors });
}

function matrix(listed: Item[], args: Args): Item[] {
  const rows = listed.map((gpu) => {
    const { stockStatus, uninterruptablePrice, gpuTypeCudaVersions } = priceOf(gpu);
    const cuda = (Array.isArray(gpuTypeCudaVersions) ? gpuTypeCudaVersions : []).filter(isObject);
    return {
      ...namesOf(gpu),
      stockStatus: stockStatus || 'unavailable',
      pricePerHr: uninterruptablePrice ?? null,
      cudaVersions: Object.fromEntries(cuda.map((one) => [String(one.cudaVersion), one.availability])),
    } as Item & { cudaVersions: Record<string, unknown> };
  });
  const available = (row: (typeof rows)[number]) =>
    Object.values(row.cudaVersions).filter((state) => state === 'AVAILABLE').length;
  return rows
    .filter((row) => args.includeUnavailable !== false || available(row) > 0)
    .toSorted(
      (one, other) =>
        available(other) - available(one) ||
        rankOf(other.stockStatus) - rankOf(one.stockStatus) ||
        Number(other.memoryGb) - Number(one.memoryGb),
    );
}

type Cells = Record<string, { stock: string; pricePerHr: unknown }>;

function probed(probes: readonly { version: string; listed?: Item[] }[], args: Args): Item[] {
  const rows = new Map<unknown, Item & { cudaVersions: Cells }>();
  for (const { version, listed = [] } of probes) {
    for (const gpu of listed) {
      const row = rows.get(gpu.id) ?? { ...namesOf(gpu), cudaVersions: {} };
      const { stockStatus, uninterruptablePrice } = priceOf(gpu);
      const isOut = typeof stockStatus !== 'string' || stockStatus === '' || stockStatus === 'Out';
      row.cudaVersions[version] = isOut
        ? { stock: 'Out', pricePerHr: null }
        : { stock: stockStatus, pricePerHr: uninterruptablePrice ?? null };
      rows.set(gpu.id, row);
    }
  }
  const inStock = ({ cudaVersions }: { cudaVersions: Cells }) =>
    Object.values(cudaVersions).filter(({ stock }) => stock !== 'Out').length;
  const best = ({ cudaVersions }: { cudaVersions: Cells }) =>
    Math.max(0, ...Object.values(cudaVersions).map(({ stock }) => rankOf(stock)));
  return [...rows.values()]
    .filter((row) => args.includeUnavailable !== false || inStock(row) > 0)
    .toSorted(
      (one, other) =>
        inStock(other) - inStock(one) ||
        best(other) - best(one) ||
        Number(other.memoryGb) - Number(one.memoryGb),
    );
}

const publicFields = 'id aiApiId modelName displayName description metadata isLive createdAt updatedAt';

export async function listPublicEndpoints(args: Args, wire: RunpodWire): Promise<NativeAnswer> {
  const data = await wire.graphql('graphql', `query { allAiApiPublicConfigs { ${publicFields} } }`);
  const shown = itemsOf(data, 'allAiApiPublicConfigs').map(toPublicEndpoint);
  const is = (value: unknown, asked: unknown) =>
    !asked || String(value ?? '').toLowerCase() === String(asked).toLowerCase();
  const names = ['endpointId', 'displayName', 'modelName', 'description', 'tag', 'owner'];
  const wanted = byTerm(shown, args.searchTerm, names).filter(
    (item) =>
      (args.includeOffline === true || item.isLive === true) &&
      is(item.modality, args.modality) &&
      is(item.owner, args.owner),
  );
  const sorted = wanted.toSorted((one, other) =>
    String(one.displayName).localeCompare(String(other.displayName), 'en'),
  );
  return page(sorted, args);
}

function toPublicEndpoint(config: Item): Item {
  const { aiApiId, displayName, modelName, description, isLive, createdAt, updatedAt } = config;
  const { source, tag, owner, priceString } = parsedObject(config.metadata);
  return compact({
    endpointId: aiApiId,
    displayName,
    modelName,
    description,
    modality: source,
    tag,
    owner,
    pricing: priceString,
    isLive,
    baseUrl: `https://api.runpod.ai/v2/${String(aiApiId)}`,
    createdAt,
    updatedAt,
  });
}

/** JSON in a text, as the platform keeps it; nothing where it is none. */
export function parsedObject(json: unknown): Item {
  if (typeof json !== 'string') return isObject(json) ? json : {};
  try {
    const value: unknown = JSON.parse(json);
    return isObject(value) ? value : {};
  } catch {
    // The authors of listings write it; some write something else.
    return {};
  }
}
