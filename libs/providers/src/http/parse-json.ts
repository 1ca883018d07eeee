import { type ReadJsonOptions, readJson } from '@inferry/contracts';

/** What a text says in JSON; undefined, which every schema refuses, when it says nothing in it or far too much. */
export function parseJson(text: string | Uint8Array, options: ReadJsonOptions = {}): unknown {
  try {
    const plain = typeof text === 'string' ? text : Buffer.from(text).toString('utf8');
    return readJson(plain, { isLenient: true, ...options });
  } catch {
    return undefined;
  }
}
