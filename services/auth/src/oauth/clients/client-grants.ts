import { AppError } from '@inferry/contracts';
import type { Grant, Grants } from '../grants/grants.ts';
import type { StaticClient } from './static-client.ts';

/** A grant for a client that acts for itself, so that its tokens can be seen and revoked like everybody's. */
export function createClientGrants(deps: {
  grants: Grants;
  clients: readonly StaticClient[];
}): (clientId: string) => Promise<Grant> {
  const known = new Map(deps.clients.map((client) => [client.clientId, client]));
  return async (clientId) => {
    const client = known.get(clientId);
    if (client === undefined) throw new AppError('not_found', 'There is no such client.');
    const [live] = await deps.grants.list({ clientId, subject: client.subject, kind: 'client_credentials' });
    if (live !== undefined) return live;
    const { subject, name, scopes } = client;
    return deps.grants.add({
      ...{ subject, clientId, clientName: name, display: name, scopes },
      kind: 'client_credentials',
    });
  };
}
