import type { Handler } from '@inferry/bus';
import type { openCredential } from '@inferry/contracts';
import { purposes, sealText } from '@inferry/credentials';
import { findUsable } from '../vault/credentials.ts';
import { keepPassthrough, type PassthroughDeps } from '../vault/passthrough.ts';

const maxKeptSeconds = 60;

/** A key for whoever calls a platform on the principal's behalf, sealed to them. */
export function handleOpenCredential(deps: PassthroughDeps): Handler<typeof openCredential> {
  return async ({ provider, public_key: publicKey, connection_id: connectionId }, { principal }) => {
    const found = await findUsable(deps, principal, { provider, connectionId });
    if (found === undefined || found.row.state === 'rejected') return { credential: null };
    const { row } = found;
    if (row.origin === 'passthrough' && found.held === undefined)
      await keepPassthrough(deps, row.connection_id);
    const key = await deps.connections.openKey(found);
    return {
      credential: {
        connection_id: row.connection_id,
        sealed: sealText(key, publicKey, purposes.credential(provider, row.connection_id)),
        ...(row.base_url === null ? {} : { base_url: row.base_url }),
        expires_in_seconds: maxKeptSeconds,
      },
    };
  };
}
