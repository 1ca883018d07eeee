import { AppError } from '@inferry/contracts';
import type { ListReader, PlatformClient } from '../http/index.ts';
import type { ProviderContext, ProviderModel } from '../provider.ts';
import type { Route } from './route.ts';
import { isTask, pipelineTags, type Task, toModel } from './tasks.ts';
import { HubModel, HubModels, type Mapping } from './wire.ts';

/** Where a model can be run, by our routes. */
export interface Served {
  provider: string;
  providerId: string;
  task: Task;
}

const expand = ['inferenceProviderMapping', 'likes', 'pipeline_tag'];
const perTask = 50;

/** The most liked models of each task that one of our routes can run, and those that an operator named. */
export async function listServed(
  client: PlatformClient,
  context: ProviderContext,
  {
    routes,
    named,
    lists: reader,
  }: { routes: Readonly<Record<string, Route>>; named: readonly string[]; lists: ListReader },
): Promise<ProviderModel[]> {
  const tags = [...new Set(Object.values(pipelineTags))];
  const lists = tags.map(async (tag) => {
    const query = {
      inference_provider: 'all',
      pipeline_tag: tag,
      sort: 'likes',
      limit: perTask,
      'expand[]': expand,
    };
    const { body } = await client.read(HubModels, { base: 'hub', path: '/api/models', query }, context);
    return reader.read(body, HubModel);
  });
  const own = named.map((id) => readHubModel(client, id, context));
  const found = [...(await Promise.all(lists)).flat(), ...(await Promise.all(own))];
  const unique = [...new Map(found.map((model) => [model.id, model])).values()];
  return unique
    .flatMap((model) => {
      const served = servedBy(model.inferenceProviderMapping ?? {}, routes);
      const [first] = served;
      if (first === undefined || !/^[\x21-\x7e]{1,250}$/.test(model.id)) return [];
      return [toModel(model, first.task, [...new Set(served.map(({ provider }) => provider))])];
    })
    .sort((left, right) => (left.nativeId < right.nativeId ? -1 : 1));
}

export async function readHubModel(
  client: PlatformClient,
  id: string,
  context: ProviderContext,
): Promise<HubModel> {
  const path = `/api/models/${id.split('/').map(encodeURIComponent).join('/')}`;
  const query = { 'expand[]': ['inferenceProviderMapping'] };
  const { body } = await client.read(HubModel, { base: 'hub', path, query }, context);
  return body;
}

/** The live places of a model that our routes reach, in the order of the routes. */
export function servedBy(mapping: Mapping, routes: Readonly<Record<string, Route>>): Served[] {
  const entries = Array.isArray(mapping)
    ? mapping.map((served) => ({ ...served, provider: served.provider ?? '' }))
    : Object.entries(mapping).map(([provider, served]) => ({ ...served, provider }));
  const order = Object.keys(routes);
  return entries
    .flatMap(({ provider, providerId, status, task }) => {
      const isLive = status === 'live' && Object.hasOwn(routes, provider);
      return isLive && isTask(task) && routes[provider]?.tasks.includes(task)
        ? [{ provider, providerId, task }]
        : [];
    })
    .sort((left, right) => order.indexOf(left.provider) - order.indexOf(right.provider));
}

/** The place that a run goes to: the one that was asked for, else the first. */
export function choose(served: readonly Served[], wanted: unknown): Served {
  const found = typeof wanted === 'string' ? served.find(({ provider }) => provider === wanted) : served[0];
  if (found !== undefined) return found;
  const names = served.map(({ provider }) => provider).join(', ') || 'nobody';
  throw new AppError('model_not_found', `Hugging Face routes this model to ${names}.`, {
    nextAction: 'Leave options.provider out, or choose another model.',
  });
}
