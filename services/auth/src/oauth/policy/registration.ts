import { z } from 'zod';
import { checkRedirectUri, type RedirectPolicy, withVariants } from './redirect-uris.ts';

const maxRedirectUris = 10;

/** What we read of a registration; everything else a client tells of itself is left out. */
const Registration = z.object({
  client_name: z.unknown().optional(),
  client_uri: z.unknown().optional(),
  redirect_uris: z.array(z.unknown()).min(1).max(maxRedirectUris),
});
const maxNameLength = 100;
const maxUriLength = 500;

/** The two that a client which is known by a document may prove itself with. */
const DocumentKeys = z.object({
  token_endpoint_auth_method: z.enum(['none', 'private_key_jwt']).default('none'),
  jwks: z.record(z.string(), z.unknown()).optional(),
  jwks_uri: z.string().max(500).optional(),
});

export interface ClientMetadata {
  /** Those that are allowed, as the client wrote them. */
  redirectUris: string[];
  /** What the engine keeps. */
  metadata: Record<string, unknown>;
}

export type RegistrationVerdict =
  | ({ isAccepted: true } & ClientMetadata)
  | { isAccepted: false; code: 'invalid_redirect_uri' | 'invalid_client_metadata'; message: string };

/**
 * A client's own words, made into what it can be here: a public client for a native app, since it may be anybody. What
 * cannot be kept is left out (RFC 7591, section 3.2.1): the answer says what is registered. Its `scope` is left out too:
 * the engine would take it for a ceiling that no later step up gets over.
 */
export function toClientMetadata(value: unknown, policy: RedirectPolicy): RegistrationVerdict {
  const parsed = Registration.safeParse(value);
  if (!parsed.success) return refused('invalid_client_metadata', describe(parsed.error));
  const { client_name: name, client_uri: uri, redirect_uris: asked } = parsed.data;
  const problems: string[] = [];
  const redirectUris = asked.filter((redirectUri): redirectUri is string => {
    const problem =
      typeof redirectUri === 'string' ? checkRedirectUri(redirectUri, policy) : 'it is not a text';
    if (problem !== undefined) problems.push(`${shown(String(redirectUri))}: ${problem}`);
    return problem === undefined;
  });
  if (redirectUris.length === 0) return refused('invalid_redirect_uri', problems.join('; ').slice(0, 500));
  const shownName = typeof name === 'string' ? printable(name) : '';
  return {
    isAccepted: true,
    redirectUris,
    metadata: {
      ...(shownName === '' ? {} : { client_name: shownName }),
      ...(isWebAddress(uri) ? { client_uri: uri } : {}),
      redirect_uris: withVariants(redirectUris),
      application_type: 'native',
      grant_types: ['authorization_code', 'refresh_token'],
      response_types: ['code'],
      token_endpoint_auth_method: 'none',
    },
  };
}

/** The same for a metadata document, whose client may have keys of its own. */
export function toDocumentMetadata(value: unknown, policy: RedirectPolicy): RegistrationVerdict {
  const verdict = toClientMetadata(value, policy);
  if (!verdict.isAccepted) return verdict;
  const keys = DocumentKeys.safeParse(value);
  if (!keys.success) return refused('invalid_client_metadata', describe(keys.error));
  return { ...verdict, metadata: { ...verdict.metadata, ...keys.data } };
}

function refused(
  code: 'invalid_redirect_uri' | 'invalid_client_metadata',
  message: string,
): RegistrationVerdict {
  return { isAccepted: false, code, message };
}

function describe({ issues }: z.ZodError): string {
  return issues
    .map(({ path, message }) => `${path.join('.') || 'the body'}: ${message}`)
    .join('; ')
    .slice(0, 500);
}

/** Enough of it for its author to know it again. */
function shown(uri: string): string {
  return uri.replace(/[^\u0021-\u007e]/g, '?').slice(0, 100);
}

/** Without what could turn or hide text on the page where a person decides. */
function printable(text: string): string {
  const shown = text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, '').trim();
  return [...shown].slice(0, maxNameLength).join('').trim();
}

function isWebAddress(uri: unknown): uri is string {
  return typeof uri === 'string' && uri.length <= maxUriLength && URL.parse(uri)?.protocol === 'https:';
}
