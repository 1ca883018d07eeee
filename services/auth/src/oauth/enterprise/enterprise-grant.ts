import { hasScope } from '@inferry/contracts';
import type Provider from 'oidc-provider';
import { errors, type TokenEndpointGrantContext } from 'oidc-provider';
import { resourceServerOf } from '../engine/resource-server.ts';
import type { Grant, Grants } from '../grants/grants.ts';
import { defaultResource, isOwnResource } from '../policy/resource.ts';
import { keepKnown } from '../policy/scopes.ts';
import type { OAuthSettings } from '../settings.ts';
import type { EnterpriseIssuer } from './enterprise-issuer.ts';
import { createIdJagVerifier, type IdJag } from './id-jag.ts';

export const jwtBearer = 'urn:ietf:params:oauth:grant-type:jwt-bearer';

/** Who an enterprise's person is here: their subject, or undefined when they may not come in. */
export type AdmitPerson = (person: {
  issuer: string;
  subject: string;
  display: string;
}) => Promise<string | undefined>;

export interface EnterpriseDeps {
  settings: OAuthSettings;
  grants: Grants;
  issuers: readonly EnterpriseIssuer[];
  admit: AdmitPerson;
}

type Context = TokenEndpointGrantContext<{ assertion?: string; scope?: string }>;

/**
 * Adds the grant of Enterprise-Managed Authorization (RFC 7523 with an ID-JAG): an access token for a person whose
 * enterprise has decided, without a page and without a refresh token, since the client can get the next assertion.
 */
export function addEnterpriseGrant(provider: Provider, deps: EnterpriseDeps): void {
  const verifier = createIdJagVerifier(deps.settings, deps.issuers);
  const handle = async (ctx: Context): Promise<void> => {
    const { params, client } = ctx.oidc;
    const idJag = await verifier.verify(params.assertion ?? '');
    if (idJag === undefined || idJag.clientId !== client.clientId)
      throw new errors.InvalidGrant('not a good assertion');
    if (!(await provider.ReplayDetection.unique(idJag.issuer, idJag.jti, idJag.expiresAt)))
      throw new errors.InvalidGrant('assertion was used');
    const asked = keepKnown(params.scope);
    const scopes = asked.filter((scope) => hasScope(idJag.scopes, scope));
    const grant = await grantOf(
      deps,
      { ...idJag, scopes: scopes.length === 0 ? idJag.scopes : scopes },
      client.clientName,
    );
    ctx.body = await toTokens(provider, ctx, { grant, settings: deps.settings });
  };
  provider.registerGrantType(jwtBearer, handle, ['assertion', 'scope', 'resource'], ['resource']);
}

/** One grant for each person, client and set of scopes, however many assertions are exchanged for it. */
async function grantOf({ grants, admit }: EnterpriseDeps, idJag: IdJag, clientName?: string): Promise<Grant> {
  const subject = await admit(idJag);
  if (subject === undefined || idJag.scopes.length === 0)
    throw new errors.InvalidGrant('person may not come in');
  const { clientId, display, scopes } = idJag;
  const wanted = [...scopes].sort().join(' ');
  const live = await grants.list({ subject, clientId, kind: 'enterprise' });
  const same = live.find((grant) => [...grant.scopes].sort().join(' ') === wanted);
  if (same !== undefined) return same;
  return grants.add({
    subject,
    display,
    clientId,
    clientName: clientName ?? clientId,
    kind: 'enterprise',
    scopes,
  });
}

async function toTokens(
  provider: Provider,
  { oidc }: Context,
  { grant, settings }: { grant: Grant; settings: OAuthSettings },
): Promise<object> {
  const resource = oidc.params.resource ?? defaultResource(settings);
  if (typeof resource !== 'string' || !isOwnResource(resource, settings)) throw new errors.InvalidTarget();
  const token = new provider.AccessToken({
    client: oidc.client,
    accountId: grant.subject,
    grantId: grant.grantId,
    gty: jwtBearer,
    scope: grant.scopes.join(' '),
    resourceServer: new provider.ResourceServer(resource, resourceServerOf(settings, resource)),
  });
  return {
    access_token: await token.save(),
    token_type: 'Bearer',
    expires_in: settings.accessTokenSeconds,
    scope: token.scope,
  };
}
