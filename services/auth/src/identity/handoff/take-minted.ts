/** Gives a client the very key that a console minted for its person, where the deployment does so. */
import type { Secret } from '@inferry/contracts';
import type { Grants } from '../../oauth/index.ts';
import type { Connections } from '../../vault/connections.ts';

/** Subjects of people whom a console handed a key over for. */
const minted = /^(handoff|runpod)_/;

/** From now on the key is the client's: neither it nor the grant is here any more. Undefined: it is no such person. */
export async function takeMinted(
  {
    connections,
    grants,
  }: {
    connections: Pick<Connections, 'usable' | 'openKey' | 'remove'>;
    grants: Pick<Grants, 'revoke'> | undefined;
  },
  { grantId, subject }: { grantId: string; subject: string },
): Promise<Secret | undefined> {
  if (!minted.test(subject)) return undefined;
  const usable = await connections.usable({ subject, grant_id: grantId });
  const own = usable.find(({ row }) => row.origin === 'signin' && row.owner_id === subject);
  if (own === undefined) return undefined;
  const key = await connections.openKey(own);
  await connections.remove(own.row.connection_id, subject);
  await grants?.revoke(grantId);
  return key;
}
