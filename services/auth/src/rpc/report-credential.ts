import type { Handler } from '@inferry/bus';
import type { reportCredential } from '@inferry/contracts';
import { type CredentialsDeps, checkReported, findUsable, noteReportedLimit } from '../vault/credentials.ts';
import { refuseOtherProvider } from './open-credential.ts';

/** A connection that the principal cannot use is as unknown as one that there is not. */
export function handleReportCredential(deps: CredentialsDeps): Handler<typeof reportCredential> {
  return async ({ provider, connection_id: connectionId, limited_seconds: seconds }, { principal, run }) => {
    refuseOtherProvider(run, provider);
    const candidate = await findUsable(deps, principal, { provider, connectionId });
    if (candidate === undefined) return { outcome: 'unknown' };
    if (seconds === undefined) return { outcome: await checkReported(deps, candidate) };
    const hasOther = await noteReportedLimit(deps, principal, { candidate, seconds });
    return { outcome: 'unknown', has_other: hasOther };
  };
}
