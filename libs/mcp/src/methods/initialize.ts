import { isObject } from '@inferry/contracts';
import { has, keepKnown } from '../era.ts';
import type { Method } from '../exchange.ts';
import type { ServerIdentity } from '../identity.ts';
import { legacyVersions, negotiate } from '../versions.ts';
import type { InitializeResult } from '../wire.ts';

/**
 * The handshake of the legacy era, whenever it comes: nothing is remembered of it, so every other request is served
 * without it too (X13, MR-56). The session id that goes with the answer is the HTTP endpoint's business.
 */
export function answerInitialize(): Method {
  const written = new WeakMap<ServerIdentity, ReadonlyMap<string, Results>>();
  return ({ request: { params }, offer: { identity } }) => {
    let results = written.get(identity);
    if (results === undefined) {
      results = writeResults(identity);
      written.set(identity, results);
    }
    const result = results.get(negotiate(params.protocolVersion));
    // Clients of any revision that have extensions say so themselves.
    const takesExtensions = isObject(params.capabilities) && isObject(params.capabilities.extensions);
    return takesExtensions ? result?.whole : result?.plain;
  };
}

/** One revision's answer, without and with the extensions. */
interface Results {
  plain: string;
  whole: string;
}

function writeResults(identity: ServerIdentity): ReadonlyMap<string, Results> {
  const { serverInfo, icons, instructions } = identity;
  const shownInfo = icons.length === 0 ? serverInfo : { ...serverInfo, icons };

  function write(version: string, takesExtensions: boolean): string {
    const { extensions, ...capabilities } = identity.capabilities.legacy;
    const isTold =
      extensions !== undefined && (takesExtensions || has('capabilities', 'extensions', version));
    return JSON.stringify({
      protocolVersion: version,
      capabilities: {
        ...keepKnown('capabilities', capabilities, version),
        ...(isTold ? { extensions } : {}),
      },
      serverInfo: keepKnown('serverInfo', shownInfo, version),
      instructions,
    } satisfies InitializeResult);
  }

  return new Map(
    legacyVersions.map((version) => [version, { plain: write(version, false), whole: write(version, true) }]),
  );
}
