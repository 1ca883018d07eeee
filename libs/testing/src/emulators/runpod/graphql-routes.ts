import { z } from 'zod';
import type { EmulatedCall, EmulatedRoute, Emulator } from '../kit/index.ts';
import { graphqlDataCenters, graphqlGpus } from './control-catalog.ts';

const QueryBody = z.strictObject({ query: z.string(), variables: z.strictObject({}).optional() });

const created = { createdAt: '2026-05-01T00:00:00Z', updatedAt: '2026-08-01T00:00:00Z' };

function config(
  aiApiId: string,
  displayName: string,
  { isLive = true, ...metadata }: { isLive?: boolean } & Record<string, unknown>,
): unknown {
  return {
    id: `cfg-${aiApiId}`,
    aiApiId,
    modelName: displayName.toLowerCase().replaceAll(' ', '-'),
    displayName,
    description: `${displayName} as a public endpoint.`,
    metadata: JSON.stringify(metadata),
    isLive,
    ...created,
  };
}

const publicConfigs = [
  config('black-forest-labs-flux-1-dev', 'Flux Dev', {
    cost: 0.02,
    owner: 'black-forest-labs',
    source: 'image',
    tag: 'text-to-image',
    priceString: '$0.02 per megapixel',
  }),
  config('wan-2-6-t2v', 'WAN 2.6 T2V', {
    cost: 0.5,
    owner: 'alibaba',
    source: 'video',
    tag: 'text-to-video',
    priceString: '$0.50-$2.25 per video',
  }),
  config('minimax-speech-02-hd', 'Minimax Speech 02 HD', {
    cost: 0.05,
    owner: 'minimax',
    source: 'audio',
    tag: 'text-to-speech',
    priceString: '$0.05 per 1000 characters',
  }),
  config('qwen3-32b-awq', 'Qwen3 32B AWQ', {
    cost: 10,
    owner: 'qwen',
    source: 'language',
    tag: 'chat',
    priceString: '$10.00 per 1M tokens',
  }),
  config('brand-new-model', 'Brand New Model', { owner: 'somebody', source: 'image' }),
  config('retired-model', 'Retired Model', { isLive: false, owner: 'somebody', source: 'image' }),
  // As the platform allows it: metadata that is no JSON.
  { ...(config('odd-model', 'Odd Model', {}) as object), metadata: 'n/a', description: null },
];

const listings = [
  {
    id: 'lst1',
    repoId: 'repo1',
    title: 'ComfyUI',
    description: 'Runs ComfyUI workflows.\nSecond line.',
    repoName: 'worker-comfyui',
    repoOwner: 'runpod-workers',
    ...created,
    views: 900,
    stars: 40,
    deploys: 1_200,
    language: 'Python',
    category: 'image',
    tags: ['comfyui'],
    type: 'SERVERLESS',
    listedRelease: {
      id: 'rel1',
      name: 'v5.5.0',
      tagName: '5.5.0',
      createdAt: created.createdAt,
      build: { id: 'bld1', imageName: 'registry.runpod.net/worker-comfyui:5.5.0' },
    },
  },
  {
    id: 'lst2',
    repoId: 'repo2',
    title: 'A pod template',
    description: null,
    repoName: 'some-pod',
    repoOwner: 'somebody',
    ...created,
    views: 1,
    stars: 0,
    deploys: 0,
    language: null,
    category: null,
    tags: null,
    type: 'POD',
    listedRelease: null,
  },
];

/** GraphQL: the catalogues need no key (`graphql`), the account does (`account`). */
export function graphqlRoutes(emulator: Emulator): EmulatedRoute[] {
  return [
    {
      method: 'POST',
      base: 'graphql',
      path: '',
      kind: 'catalog',
      isOpen: true,
      body: QueryBody,
      handle(call) {
        if (call.headers.authorization !== undefined) {
          emulator.violations.push('a key was sent to the public catalogue');
        }
        const query = queryOf(call);
        if (query.includes('allAiApiPublicConfigs'))
          return { data: { allAiApiPublicConfigs: publicConfigs } };
        if (query.includes('listings')) return { data: { listings } };
        if (query.includes('gpuTypes')) return { data: { gpuTypes: graphqlGpus() } };
        if (query.includes('dataCenters')) return { data: { dataCenters: graphqlDataCenters() } };
        return { errors: [{ message: 'Cannot query this field.' }] };
      },
    },
    {
      method: 'POST',
      base: 'account',
      path: '',
      kind: 'probe',
      body: QueryBody,
      handle(call) {
        if (!queryOf(call).includes('myself')) return { errors: [{ message: 'Cannot query this field.' }] };
        return { data: { myself: { id: 'user_2x7k', email: 'who@example.com', clientBalance: 12.5 } } };
      },
    },
  ];
}

function queryOf({ body }: EmulatedCall): string {
  // as: parsed by the route's schema.
  return (body as z.infer<typeof QueryBody>).query;
}
