import { isScope, type Scope, Secret } from '@inferry/contracts';
import type { ClientMetadata as EngineClientMetadata } from 'oidc-provider';
import { z } from 'zod';

/** A client that the operator knows: one with a credential of its own, or a fixed id for a client that cannot register. */
export interface StaticClient {
  clientId: string;
  name: string;
  secret: Secret | undefined;
  /** Public keys, for clients that prove themselves by a signed assertion. */
  jwks: { keys: Record<string, unknown>[] } | undefined;
  grantTypes: readonly string[];
  redirectUris: readonly string[];
  /** What a client acts as when no person is there. */
  subject: string;
  scopes: readonly Scope[];
}

const Entry = z
  .strictObject({
    client_id: z.string().min(1).max(200),
    name: z.string().max(100).optional(),
    client_secret: z.string().min(32).optional(),
    jwks: z.object({ keys: z.array(z.record(z.string(), z.unknown())).min(1) }).optional(),
    grant_types: z
      .array(
        z.enum(['authorization_code', 'client_credentials', 'urn:ietf:params:oauth:grant-type:jwt-bearer']),
      )
      .min(1)
      .default(['client_credentials']),
    redirect_uris: z.array(z.string()).default([]),
    subject: z.string().min(1).max(200).optional(),
    scopes: z.array(z.string().refine(isScope, 'is not a scope')).default(['mcp']),
  })
  .refine(
    ({ grant_types: types, client_secret: secret, jwks }) =>
      secret !== undefined || jwks !== undefined || !types.includes('client_credentials'),
    'client_credentials needs client_secret or jwks',
  );

/** Reads the operator's list of clients; throws with every problem in words. */
export function parseStaticClients(text: string): StaticClient[] {
  const parsed = z.array(Entry).safeParse(JSON.parse(text));
  if (!parsed.success) throw new Error(z.prettifyError(parsed.error));
  return parsed.data.map((entry) => ({
    clientId: entry.client_id,
    name: entry.name ?? entry.client_id,
    secret: entry.client_secret === undefined ? undefined : new Secret(entry.client_secret),
    jwks: entry.jwks,
    grantTypes: entry.grant_types,
    redirectUris: entry.redirect_uris,
    subject: entry.subject ?? `client:${entry.client_id}`,
    scopes: entry.scopes.filter(isScope),
  }));
}

export function toEngineClient(client: StaticClient): EngineClientMetadata {
  const hasCode = client.grantTypes.includes('authorization_code');
  return {
    client_id: client.clientId,
    client_name: client.name,
    application_type: 'native',
    redirect_uris: [...client.redirectUris],
    response_types: hasCode ? ['code'] : [],
    grant_types: [...client.grantTypes, ...(hasCode ? ['refresh_token'] : [])],
    scope: client.scopes.join(' '),
    ...authentication(client),
  };
}

function authentication({ secret, jwks }: StaticClient): Partial<EngineClientMetadata> {
  if (secret !== undefined)
    return { token_endpoint_auth_method: 'client_secret_basic', client_secret: secret.reveal() };
  if (jwks !== undefined) return { token_endpoint_auth_method: 'private_key_jwt', jwks };
  return { token_endpoint_auth_method: 'none' };
}
