import { isScope, type Scope } from '@inferry/contracts';
import { z } from 'zod';

/** An identity provider of an enterprise, which decides for its people what they let clients do. */
export interface EnterpriseIssuer {
  issuer: string;
  jwksUri: string;
  /** The most that its assertions may open. */
  scopes: readonly Scope[];
  /** Clients that it may name; undefined: any that is registered here. */
  clientIds: readonly string[] | undefined;
}

const Entry = z.strictObject({
  issuer: z.url({ protocol: /^https?$/ }),
  jwks_uri: z.url({ protocol: /^https?$/ }),
  scopes: z.array(z.string().refine(isScope, 'is not a scope')).min(1).default(['mcp']),
  client_ids: z.array(z.string().min(1)).min(1).optional(),
});

/** Reads the operator's list of identity providers; throws with every problem in words. */
export function parseEnterpriseIssuers(text: string): EnterpriseIssuer[] {
  const parsed = z.array(Entry).safeParse(JSON.parse(text));
  if (!parsed.success) throw new Error(z.prettifyError(parsed.error));
  return parsed.data.map((entry) => ({
    issuer: entry.issuer,
    jwksUri: entry.jwks_uri,
    scopes: entry.scopes.filter(isScope),
    clientIds: entry.client_ids,
  }));
}
