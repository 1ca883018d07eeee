import type { Handler } from '@inferry/bus';
import type { reportCredential } from '@inferry/contracts';
import { type CredentialsDeps, checkReported, findUsable } from '../vault/credentials.ts';

/** A connection that the principal cannot use is as unknown as one that there is not. */
export function handleReportCredential(deps: CredentialsDeps): Handler<typeof reportCredential> {
  return async ({ provider, connection_id: connectionId }, { principal }) => {
    const found = await findUsable(deps, principal, { provider, connectionId });
    return { outcome: found === undefined ? 'unknown' : await checkReported(deps, found) };
  };
}
