import type { Secret } from '@inferry/contracts';
import type { AddressRanges, ProfileHost } from '@inferry/runtime';

/** How the authorization server of a deployment behaves. */
export interface OAuthSettings {
  /** The public URL without a trailing slash: byte for byte what every document, token and redirect says. */
  issuer: string;
  /** Every key of this folder that is not a signing key is derived from it. */
  secret: Secret;
  /** The deployment's public URL where this issuer is at the host of a profile; undefined: the issuer is it. */
  deployment?: string | undefined;
  /** The one profile that this issuer lets people in to; undefined: all of them. */
  profile?: string | undefined;
  /** Hosts of profiles, each of which is an issuer of its own. */
  profileHosts: readonly ProfileHost[];
  /** Further hosts that gateways answer for (`host`, `host:port`): names of the same resource. */
  hosts: readonly string[];
  accessTokenSeconds: number;
  codeSeconds: number;
  /** How long a sign-in may take. */
  interactionSeconds: number;
  /** A refresh token that is not used for so long ends. */
  refreshIdleSeconds: number;
  /** A grant ends then, however often it was used. */
  grantSeconds: number;
  /** A refresh that is repeated within it gets the same answer. */
  refreshGraceSeconds: number;
  /** A refresh token that comes back after the grace: end the grant, or only refuse it. */
  reusePolicy: 'revoke' | 'reject';
  /** A registration that nobody used ends then. */
  unusedClientSeconds: number;
  /** And one that was used, so long after its last use. */
  usedClientSeconds: number;
  /** Where https redirects may go: `host`, `host:port`, and either with a path below which they may go. */
  redirectHosts: ReadonlySet<string>;
  /** Whole addresses beside those. */
  redirectUris: ReadonlySet<string>;
  /** Profiles at whose hosts the documents name `/authorize`, `/token` and `/register`. */
  shortPathProfiles: ReadonlySet<string>;
  /** Schemes of apps, such as `cursor`. */
  redirectSchemes: ReadonlySet<string>;
  /** Registrations in ten minutes. */
  registrations: { perAddress: number; inAll: number };
  /** Sign-ins begun in a minute by one address. */
  authorizationsPerAddress: number;
  /** Token requests in a minute that come to nothing: of one client at one address, and of an address. */
  failedTokens: { perClient: number; perAddress: number };
  /** Whether clients may name themselves by a document at a URL; `auto`: while such documents are in reach. */
  clientDocuments: 'on' | 'off' | 'auto';
  /** Client metadata documents fetched in a minute. */
  documents: { perAddress: number; inAll: number };
  /** Addresses whose X-Forwarded-For is believed. */
  proxies: AddressRanges;
  /** Days after which a new signing key takes over. */
  keyRotationDays: number;
}

/** The public redirects of the clients that most people use; a deployment adds its own. */
export const knownRedirectHosts = [
  'claude.ai',
  'claude.com',
  'chatgpt.com',
  'vscode.dev',
  'insiders.vscode.dev',
  'cursor.com',
  'www.cursor.com',
] as const;

/** Of hosts that also show what their users made, the clients' own paths alone. */
export const sharedHostPaths: Readonly<Record<string, readonly string[]>> = {
  'claude.ai': ['/api/mcp/auth_callback'],
  'claude.com': ['/api/mcp/auth_callback'],
  'chatgpt.com': ['/connector_platform_oauth_redirect', '/connector', '/aip'],
  'vscode.dev': ['/redirect'],
  'insiders.vscode.dev': ['/redirect'],
};

export const knownRedirectSchemes = ['cursor', 'vscode', 'vscode-insiders', 'windsurf', 'claude'] as const;

const day = 86_400;

/** Everything but who the deployment is. */
export const defaultSettings: Omit<OAuthSettings, 'issuer' | 'secret'> = {
  hosts: [],
  profileHosts: [],
  accessTokenSeconds: 900,
  codeSeconds: 60,
  interactionSeconds: 900,
  refreshIdleSeconds: 30 * day,
  grantSeconds: 365 * day,
  refreshGraceSeconds: 60,
  reusePolicy: 'revoke',
  // Clients keep an id for ever: what was added on Friday is signed in with on Monday, or in spring.
  unusedClientSeconds: 90 * day,
  usedClientSeconds: 90 * day,
  redirectHosts: new Set(knownRedirectHosts),
  redirectUris: new Set(),
  shortPathProfiles: new Set(),
  redirectSchemes: new Set(knownRedirectSchemes),
  registrations: { perAddress: 100, inAll: 2_000 },
  authorizationsPerAddress: 120,
  failedTokens: { perClient: 300, perAddress: 1_000 },
  clientDocuments: 'auto',
  documents: { perAddress: 30, inAll: 300 },
  proxies: { has: () => false },
  keyRotationDays: 90,
};
