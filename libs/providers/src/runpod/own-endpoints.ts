import { AppError } from '@inferry/contracts';
import { cleanText } from '../errors/index.ts';
import type { ListReader, PlatformClient } from '../http/index.ts';
import type { ProviderContext, ProviderModel } from '../provider.ts';
import { capabilitiesOf, categoriesOf } from '../schema/index.ts';
import type { RestVersion } from './control/versions.ts';
import { outputSchemaOf } from './public-models.ts';
import { Endpoint, EndpointsV1, EndpointsV2 } from './wire.ts';
import { workerKindOf } from './worker-kinds.ts';

/** The serverless endpoints of the account: each is a model of its owner alone. */
export async function listEndpoints(
  client: PlatformClient,
  { version, lists }: { version: RestVersion; lists: ListReader },
  context: ProviderContext,
): Promise<ProviderModel[]> {
  const endpoints = lists.read(await readEndpoints(client, version, context), Endpoint);
  return endpoints.flatMap((endpoint) => toOwnModel(endpoint).map((model) => asOffered(model, endpoint)));
}

async function readEndpoints(
  client: PlatformClient,
  version: RestVersion,
  context: ProviderContext,
): Promise<unknown[]> {
  if (version !== 'v1') {
    try {
      const { body } = await client.read(EndpointsV2, { base: 'rest', path: '/serverless' }, context);
      return body.endpoints;
    } catch (error) {
      // A key that is refused is refused by both.
      const isFinal =
        !(error instanceof AppError) || error.code === 'unauthorized' || error.code === 'cancelled';
      if (version === 'v2' || isFinal) throw error;
    }
  }
  const call = { base: 'rest1', path: '/endpoints', query: { includeTemplate: true } };
  return (await client.read(EndpointsV1, call, context)).body;
}

/** Behind a load balancer there is no queue, and its paths are whatever its author made: shown, and not offered to be run. */
function asOffered(model: ProviderModel, { type }: Endpoint): ProviderModel {
  if (type !== 'LOAD_BALANCER') return model;
  const why =
    'An endpoint behind a load balancer: it has no queue, so that it cannot be run from here. Call its own address.';
  return { ...model, isLive: false, summary: why, readme: `${why}\n\n${model.readme}` };
}

function toOwnModel({ id, name, image, template }: Endpoint): ProviderModel[] {
  if (!/^[A-Za-z0-9_-]+$/.test(id)) return [];
  const worker = image ?? template?.imageName ?? '';
  const { inputSchema, output, known, summary, notes } = workerKindOf(worker);
  const title = cleanText(name ?? '', { maxLength: 120 }) || id;
  const capabilities = capabilitiesOf({ text: `${title} ${worker}`, inputSchema, output, known });
  return [
    {
      nativeId: id,
      title,
      summary,
      kind: 'endpoint',
      categories: categoriesOf(capabilities),
      capabilities,
      creator: 'you',
      tags: ['serverless'],
      isFeatured: false,
      isLive: true,
      weight: 0,
      inputSchema,
      outputSchema: outputSchemaOf(output),
      price: { text: 'worker time, by the second', currency: 'USD', basis: 'unknown' },
      examples: [],
      readme: `# ${title}\n\nA serverless endpoint of this account (\`${id}\`). ${notes} It is billed by the time that its workers run; the first run after a pause waits for one to start.\n`,
    },
  ];
}
