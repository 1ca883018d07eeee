import { readFileSync } from 'node:fs';
import type { Secret } from '@inferry/contracts';
import {
  ConfigError,
  type Env,
  envInt,
  envList,
  parseAddressRanges,
  parseEnv,
  parseProfileHosts,
  RuntimeEnv,
} from '@inferry/runtime';
import { z } from 'zod';
import { parseStaticClients, type StaticClient } from './clients/static-client.ts';
import { type EnterpriseIssuer, parseEnterpriseIssuers } from './enterprise/enterprise-issuer.ts';
import { defaultSettings, type OAuthSettings } from './settings.ts';

const OAuthEnv = z.object({
  /** The gateway's own variable: with `oauth`, people sign in with a browser; keys are good beside it. */
  INFERRY_AUTH: z.enum(['none', 'keys', 'oauth']).default('keys'),
  PUBLIC_URL: RuntimeEnv.shape.PUBLIC_URL,
  TRUSTED_PROXIES: envList.default([]),
  /** The gateway's own variable: what it serves, clients ask for tokens for. */
  MCP_ALLOWED_HOSTS: envList.default([]),
  /** The gateway's own variable: hosts of profiles, each of which is an issuer of its own. */
  PROFILE_HOSTS: envList.default([]),
  /** Seconds that an access token lives. */
  OAUTH_ACCESS_TOKEN_SECONDS: envInt(60, 3_600).default(defaultSettings.accessTokenSeconds),
  /** Days without use after which a client must sign in again. */
  OAUTH_REFRESH_IDLE_DAYS: envInt(1, 365).default(30),
  /** Days after which a client must sign in again however often it was used. */
  OAUTH_GRANT_DAYS: envInt(1, 3_650).default(365),
  /** Seconds in which a repeated refresh gets the answer of the first. */
  OAUTH_REFRESH_GRACE_SECONDS: envInt(0, 3_600).default(defaultSettings.refreshGraceSeconds),
  /** A refresh token that comes back after the grace: end the grant (`revoke`), or only refuse it (`reject`). */
  OAUTH_REUSE_POLICY: z.enum(['revoke', 'reject']).default('revoke'),
  /** Hosts for https redirects (`host`, `host:port`, `host/path`), and schemes of apps with a colon (`myapp:`), beside the known clients'. */
  OAUTH_ALLOWED_REDIRECTS: envList.default([]),
  /** Whole redirect addresses that are allowed beside those: nothing below or beside one. */
  MCP_ALLOWED_REDIRECT_URIS: envList.default([]),
  /** Registrations in ten minutes: of one address, and in all. */
  OAUTH_REGISTRATIONS_ADDRESS: envInt(1, 1_000_000).default(defaultSettings.registrations.perAddress),
  OAUTH_REGISTRATIONS: envInt(1, 1_000_000).default(defaultSettings.registrations.inAll),
  /** Whether clients may name themselves by a document at a URL: `auto` stops telling them while none can be reached. */
  OAUTH_CLIENT_DOCUMENTS: z.enum(['on', 'off', 'auto']).default('auto'),
  /** Days after which a new signing key takes over. */
  OAUTH_KEY_ROTATION_DAYS: envInt(1, 3_650).default(defaultSettings.keyRotationDays),
  /** A JSON file with clients that the operator knows: services with their own credentials, fixed client ids. */
  OAUTH_CLIENTS_FILE: z.string().optional(),
  /** A JSON file with the identity providers whose assertions (ID-JAG) are exchanged for access tokens. */
  OAUTH_ENTERPRISE_FILE: z.string().optional(),
});

export interface OAuthConfig {
  isOn: boolean;
  settings: Omit<OAuthSettings, 'issuer' | 'secret'>;
  clients: readonly StaticClient[];
  enterprise: readonly EnterpriseIssuer[];
}

/** Reads the authorization server's variables; throws `ConfigError` with every problem at once. */
export function parseOAuthConfig(env: Env): OAuthConfig {
  const parsed = parseEnv(OAuthEnv, env);
  const problems: string[] = [];
  const collect = <T>(variable: string, read: () => T): T | undefined => {
    try {
      return read();
    } catch (error) {
      problems.push(`${variable}: ${error instanceof Error ? error.message : 'cannot be read'}`);
      return undefined;
    }
  };
  const proxies = collect('TRUSTED_PROXIES', () => parseAddressRanges(parsed.TRUSTED_PROXIES));
  const profileHosts = collect('PROFILE_HOSTS', () => parseProfileHosts(parsed.PROFILE_HOSTS));
  const redirects = collect('OAUTH_ALLOWED_REDIRECTS', () => parseRedirects(parsed.OAUTH_ALLOWED_REDIRECTS));
  const redirectUris = collect('MCP_ALLOWED_REDIRECT_URIS', () =>
    parseRedirectUris(parsed.MCP_ALLOWED_REDIRECT_URIS),
  );
  const { OAUTH_CLIENTS_FILE: clientsFile, OAUTH_ENTERPRISE_FILE: enterpriseFile } = parsed;
  const clients = collect('OAUTH_CLIENTS_FILE', () =>
    clientsFile === undefined ? [] : parseStaticClients(readFileSync(clientsFile, 'utf8')),
  );
  const enterprise = collect('OAUTH_ENTERPRISE_FILE', () =>
    enterpriseFile === undefined ? [] : parseEnterpriseIssuers(readFileSync(enterpriseFile, 'utf8')),
  );
  if (
    proxies === undefined ||
    profileHosts === undefined ||
    redirects === undefined ||
    redirectUris === undefined ||
    clients === undefined ||
    enterprise === undefined
  )
    throw new ConfigError(problems);
  return Object.freeze({
    isOn: parsed.INFERRY_AUTH === 'oauth',
    clients,
    enterprise,
    settings: {
      ...defaultSettings,
      ...redirects,
      redirectUris,
      proxies,
      hosts: parsed.MCP_ALLOWED_HOSTS,
      profileHosts,
      accessTokenSeconds: parsed.OAUTH_ACCESS_TOKEN_SECONDS,
      refreshIdleSeconds: parsed.OAUTH_REFRESH_IDLE_DAYS * 86_400,
      grantSeconds: parsed.OAUTH_GRANT_DAYS * 86_400,
      refreshGraceSeconds: parsed.OAUTH_REFRESH_GRACE_SECONDS,
      reusePolicy: parsed.OAUTH_REUSE_POLICY,
      registrations: { perAddress: parsed.OAUTH_REGISTRATIONS_ADDRESS, inAll: parsed.OAUTH_REGISTRATIONS },
      clientDocuments: parsed.OAUTH_CLIENT_DOCUMENTS,
      keyRotationDays: parsed.OAUTH_KEY_ROTATION_DAYS,
    },
  });
}

/** Whole settings for a deployment at this address. */
export function toSettings(config: OAuthConfig, publicUrl: string, secret: Secret): OAuthSettings {
  return { ...config.settings, issuer: publicUrl.replace(/\/+$/, ''), secret };
}

function parseRedirects(items: readonly string[]): Pick<OAuthSettings, 'redirectHosts' | 'redirectSchemes'> {
  const schemes = items.filter((item) => item.endsWith(':')).map((item) => item.slice(0, -1).toLowerCase());
  const hosts = items.filter((item) => !item.endsWith(':')).map(withLowerHost);
  const bad = [
    ...hosts.filter((host) => !placePattern.test(host)),
    ...schemes.filter((scheme) => !/^[a-z][a-z0-9+.-]*$/.test(scheme) || forbiddenSchemes.has(scheme)),
  ];
  if (bad.length > 0) throw new Error(`neither host names nor schemes of apps: ${bad.join(', ')}`);
  return {
    redirectHosts: new Set([...defaultSettings.redirectHosts, ...hosts]),
    redirectSchemes: new Set([...defaultSettings.redirectSchemes, ...schemes]),
  };
}

/** Codes do not travel in the clear, and nothing runs them. */
function parseRedirectUris(uris: readonly string[]): ReadonlySet<string> {
  const bad = uris.filter((uri) => {
    const scheme = URL.parse(uri)?.protocol.slice(0, -1);
    return scheme === undefined || (scheme !== 'https' && forbiddenSchemes.has(scheme));
  });
  if (bad.length > 0) throw new Error(`neither https addresses nor those of apps: ${bad.join(', ')}`);
  return new Set(uris);
}

/** `host`, `host:port`, `host/path` */
const placePattern = /^[a-z0-9-]+(\.[a-z0-9-]+)+(:\d{1,5})?(\/[\w.~!$&'()*+,;=:@/-]*)?$/;

function withLowerHost(place: string): string {
  const slash = place.indexOf('/');
  return slash < 0 ? place.toLowerCase() : `${place.slice(0, slash).toLowerCase()}${place.slice(slash)}`;
}

/** A code there would run, or go anywhere. */
const forbiddenSchemes = new Set([
  'http',
  'https',
  'javascript',
  'data',
  'file',
  'vbscript',
  'blob',
  'about',
  'ws',
  'wss',
]);
