import { readFile } from 'node:fs/promises';
import { ConfigError } from '@inferry/contracts';
import type { AdapterDefinition } from '../definition.ts';
import { parseDescription } from './description.ts';
import { toDefinition } from './to-definition.ts';

/** Descriptions of an operator's own, YAML or JSON; throws a `ConfigError` that names the file and each problem. */
export async function readDescriptions(files: readonly string[]): Promise<AdapterDefinition[]> {
  if (files.length === 0) return [];
  // Loaded when there is something to read. JSON is YAML.
  const { parse } = await import('yaml');
  return Promise.all(
    files.map(async (file) => {
      const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
        throw new ConfigError([`PROVIDER_FILES: ${file} cannot be read (${error.code ?? error.message})`]);
      });
      return toDefinition(parseDescription(toValue(file, text, parse), file));
    }),
  );
}

function toValue(file: string, text: string, parse: (text: string) => unknown): unknown {
  try {
    return parse(text);
  } catch (error) {
    const why = error instanceof Error ? error.message.split('\n')[0] : '';
    throw new ConfigError([`PROVIDER_FILES: ${file} is neither YAML nor JSON: ${why}`]);
  }
}
