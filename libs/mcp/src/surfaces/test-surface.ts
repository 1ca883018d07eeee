import type { Bus } from '@inferry/bus';
import {
  AppError,
  type OfferedPrompt,
  type OfferedResource,
  type OfferedSkill,
  surfaceChanged,
  surfaceOf,
} from '@inferry/contracts';

export interface TestSurface {
  /** What was asked, one verb each. */
  asked: string[];
  prompts: OfferedPrompt[];
  /** Whose prompts are for whoever can use that provider. */
  promptProviders: Record<string, string>;
  resources: OfferedResource[];
  skills: OfferedSkill[];
  version: number;
  /** Offers something else from now on, and says so. */
  change(prompts: OfferedPrompt[]): void;
}

const pageSize = 2;

/** A service with a surface on the bus, for tests of the gateway. */
export function serveTestSurface(
  bus: Bus,
  {
    service,
    scope = 'models:read',
    prefix = 'test://',
  }: { service: string; scope?: string; prefix?: string },
): TestSurface {
  const surface = surfaceOf(service);
  const world: TestSurface = {
    asked: [],
    prompts: [{ name: 'greet', arguments: [{ name: 'who', required: true }] }],
    promptProviders: {},
    resources: ['a', 'b', 'c'].map((name) => ({ uri: `${prefix}${name}`, name })),
    skills: [],
    version: 1,
    change(prompts) {
      world.prompts = prompts;
      world.version += 1;
      const version = String(world.version);
      bus.publish(surfaceChanged, { service, lists: ['prompts', 'resources'], version });
    },
  };
  bus.serve(surface.describe, async ({ known_version: known }) => {
    world.asked.push('describe');
    const version = String(world.version);
    const { prompts, skills, promptProviders } = world;
    const templates = [{ uriTemplate: `${prefix}{id}`, name: 'things' }];
    return known === version
      ? { version }
      : {
          version,
          description: {
            ...{ scope, prompts, templates, uri_prefixes: [prefix], skills },
            prompt_providers: promptProviders,
          },
        };
  });
  bus.serve(surface.getPrompt, async ({ arguments: { who = '' } }) => ({
    messages: [{ role: 'user', content: { type: 'text', text: `Hello ${who}` } }],
  }));
  bus.serve(surface.listResources, async ({ cursor = '0' }) => {
    const from = Number(cursor);
    if (!Number.isInteger(from)) throw new AppError('invalid_cursor', 'Bad cursor.');
    const items = world.resources.slice(from, from + pageSize);
    const next = from + pageSize;
    return next < world.resources.length ? { items, next_cursor: String(next) } : { items };
  });
  bus.serve(surface.readResource, async ({ uri }) => {
    world.asked.push('read');
    if (!world.resources.some((resource) => resource.uri === uri)) {
      throw new AppError('resource_not_found', 'There is no such resource.');
    }
    return { contents: [{ uri, mimeType: 'text/plain', text: `text of ${uri}` }], ttl_ms: 7_000 };
  });
  bus.serve(surface.complete, async ({ argument }) => ({
    values: [`${argument.value}-1`, `${argument.value}-2`],
    total: 2,
    has_more: false,
  }));
  return world;
}
