import { setTimeout as sleep } from 'node:timers/promises';
import { type ErrorEnvelope, type JsonObject, searchModels, type ToolResult } from '@inferry/contracts';
import type { CatalogOptions } from '../service.ts';
import { modelOf } from './model-of.ts';
import { ScriptedCatalogProvider } from './scripted-catalog-provider.ts';
import type { CatalogReplica, CatalogWorld } from './start-catalog.ts';

/** Short enough for a test to wait for. */
export const quick = { syncIntervalMs: 40, rereadMs: 40 };

/** A provider with one plain model for each id. */
export function fake(slug: string, ...ids: string[]): ScriptedCatalogProvider {
  return new ScriptedCatalogProvider({ slug, models: ids.map((id) => modelOf(id)) });
}

/** A replica that lists every model of its providers. */
export async function startReady(
  world: CatalogWorld,
  providers: ScriptedCatalogProvider[],
  options: Partial<CatalogOptions> = {},
): Promise<CatalogReplica> {
  const replica = await world.startReplica(providers, options);
  const deadline = Date.now() + 10_000;
  while (!(await hasAll(replica, providers))) {
    if (Date.now() > deadline) throw new Error('The replica does not list its models.');
    await sleep(5);
  }
  return replica;
}

async function hasAll(replica: CatalogReplica, providers: ScriptedCatalogProvider[]): Promise<boolean> {
  if (!(await replica.service.readiness()).isReady) return false;
  for (const { slug, models } of providers) {
    if ((await countOf(replica, slug)) !== models.length) return false;
  }
  return true;
}

/** How many models of a provider are listed; undefined while none can be. */
export async function countOf(replica: CatalogReplica, provider: string): Promise<unknown> {
  const result = await replica.tool(searchModels, { provider, include_offline: true });
  return pageOf(result)?.total;
}

export function pageOf({ structuredContent }: ToolResult): JsonObject | undefined {
  // as: the contract's page; absent in an error.
  return structuredContent.page as JsonObject | undefined;
}

export function idsOf({ structuredContent }: ToolResult): string[] {
  // as: the contract's items; absent in an error.
  return ((structuredContent.items as { model: string }[] | undefined) ?? []).map(({ model }) => model);
}

export function errorOf({ structuredContent }: ToolResult): ErrorEnvelope | undefined {
  // as: the contract's error; absent in a success.
  return structuredContent.error as ErrorEnvelope | undefined;
}

export function textOf({ content }: ToolResult): string {
  return content.map((block) => (block.type === 'text' ? block.text : '')).join('\n');
}
