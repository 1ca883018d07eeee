import { isAbsolute, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { AnyTool } from '@inferry/contracts';

interface ToolsModule {
  tools: readonly AnyTool[];
}

/** Contracts of a service that is not part of the product, from the modules that the deployment names. */
export async function loadExtraTools(modules: readonly string[]): Promise<AnyTool[]> {
  const loaded = await Promise.all(modules.map(load));
  return loaded.flat();
}

async function load(name: string): Promise<readonly AnyTool[]> {
  const module: unknown = await import(isAbsolute(name) ? pathToFileURL(resolve(name)).href : name);
  if (isToolsModule(module)) return module.tools;
  throw new Error(`INFERRY_EXTRA_TOOLS: ${name} does not export tools`);
}

function isToolsModule(module: unknown): module is ToolsModule {
  return typeof module === 'object' && module !== null && 'tools' in module && Array.isArray(module.tools);
}
