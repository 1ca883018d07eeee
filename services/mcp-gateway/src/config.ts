import { readFileSync } from 'node:fs';
import { type Toolset, toolsets } from '@inferry/contracts';
import {
  type ClientRow,
  ClientRows,
  type ClientTable,
  createClientTable,
  type Icon,
  isIconUrl,
  knownClients,
  ownIcon,
  type Selection,
  type ServerIdentity,
  type SubscriptionLimits,
} from '@inferry/mcp';
import { BrandEnv, type Brands, readBrands } from '@inferry/pages';
import { profileOf, profiles } from '@inferry/profiles';
import {
  type AddressRanges,
  ConfigError,
  type Env,
  envInt,
  envList,
  isLoopback,
  type ProfileHost,
  parseAddressRanges,
  parseProfileHosts,
  parseRest,
  RuntimeEnv,
} from '@inferry/runtime';
import { z } from 'zod';
import type { KeyPrefixes } from './edge/passthrough-verifier.ts';
import { type AllowedHosts, loopbackNames, spellingsOf } from './edge/request-head.ts';
import type { WindowLimits } from './edge/windows.ts';
import type { OpenCallLimits } from './open-calls.ts';

const GatewayEnv = z.object({
  HOST: RuntimeEnv.shape.HOST,
  PORT: RuntimeEnv.shape.PORT,
  PUBLIC_URL: RuntimeEnv.shape.PUBLIC_URL,
  /** Who may call: anybody on this machine (`none`), holders of an API key, or also whoever signs in (`oauth`). */
  INFERRY_AUTH: z.enum(['none', 'keys', 'oauth']).default('keys'),
  /** How keys of providers begin that callers may bring along, and whose they are: `rf_live_=runflow`. */
  MCP_ACCEPTED_KEY_PREFIXES: envList.default([]),
  /** How keys begin that are refused all the same. */
  MCP_REFUSED_KEY_PREFIXES: envList.default(['rf_svc_']),
  /** Without the bus for longer than this, tokens older than this are refused; 0: they are served until they end. */
  MAX_REVOCATION_STALENESS_SECONDS: envInt(0, 86_400).default(0),
  /** Values of the Host header; without it loopback names and HOST with the port, and the host of PUBLIC_URL. */
  MCP_ALLOWED_HOSTS: envList.optional(),
  /** Exact values of the Origin header; without it loopback origins on any port. */
  MCP_ALLOWED_ORIGINS: envList.optional(),
  /** The profiles that are served below `/mcp`, by their keys; without it those whose platform is connected. */
  PROFILES: envList.optional(),
  /** A folder of files that describe further mounts below `/mcp` (`docs/profiles.md`). */
  PROFILES_FOLDER: z.string().min(1).optional(),
  /** Hosts whose root, `/mcp` and OAuth paths are those of one profile: `mcp.example.com=runware`. */
  PROFILE_HOSTS: envList.default([]),
  MCP_MAX_BODY_BYTES: envInt(1_024, 64 * 1_024 * 1_024).default(256 * 1_024),
  /** Base64 files of upload_file that pass through this process at once. */
  MAX_INLINE_UPLOADS: envInt(0, 1_000).default(5),
  /** Addresses and CIDR ranges whose X-Forwarded-For is believed. */
  TRUSTED_PROXIES: envList.default([]),
  MAX_WAIT_SECONDS: envInt(1, 600).default(600),
  /** The same in milliseconds, as hosted servers name it (RF-27); the shorter of both holds. */
  MCP_POLL_TIMEOUT_MS: envInt(1_000, 600_000).default(600_000),
  /** After so long a stream whose rest can be fetched is ended here: some proxies cut connections by age. 0: never. */
  MAX_STREAM_SECONDS: envInt(0, 86_400).default(0),
  /** A JSON file that replaces the table of clients: waiting times, and whether links are sent (`in-flight.ts`). */
  WAIT_TABLE_FILE: z.string().optional(),
  /** Toolsets that this deployment offers. */
  TOOLSETS: envList.default([...toolsets]),
  EXCLUDE_TOOLS: envList.default([]),
  READ_ONLY: z.enum(['0', '1']).default('0'),
  SERVER_NAME: z.string().max(64).default('inferry'),
  SERVER_TITLE: z.string().max(64).default('Inferry'),
  /** An https: or data: URL; without it ours, as long as the server has our name. */
  SERVER_ICON: z
    .string()
    .max(8_000)
    .refine(isIconUrl, 'is neither an https: nor a data:image URL')
    .optional(),
  SERVER_VERSION: z.string().max(64).default('0.2.0'),
  /** Requests of one credential in 60 s. */
  RATE_LIMIT_CREDENTIAL: envInt(1, 1_000_000).default(600),
  /** Refused credentials of one address in 60 s. */
  RATE_LIMIT_IP_PRE_AUTH: envInt(1, 1_000_000).default(30),
  /** And of all credentials of one account together. */
  RATE_LIMIT_SUBJECT: envInt(1, 1_000_000).optional(),
  /** Requests of one address in 60 s that are refused after their credential was accepted. */
  RATE_LIMIT_IP_POST_AUTH: envInt(1, 1_000_000).default(120),
  /** Modules that export `tools`: contracts that another service on the bus serves. */
  INFERRY_EXTRA_TOOLS: envList.default([]),
  /** Services that offer prompts and resources beside tools. */
  MCP_SURFACES: envList.default(['catalog', 'inference']),
  /** 1: the Events extension of MCP, of which a draft is followed (docs/events.md). */
  EVENTS: z.enum(['0', '1']).default('0'),
  /** Streams of changes (`subscriptions/listen`) that may be open at once in this process, and for one credential. */
  MAX_SUBSCRIPTIONS: envInt(0, 1_000_000).default(5_000),
  MAX_SUBSCRIPTIONS_CREDENTIAL: envInt(0, 1_000_000).default(50),
  /** Addresses and CIDR ranges that many users share, such as the egress of a hosted client (X16). */
  TRUSTED_EGRESS: envList.default([]),
  /** Instead of both limits of an address, for one of TRUSTED_EGRESS. */
  RATE_LIMIT_TRUSTED_EGRESS: envInt(1, 1_000_000).default(3_000),
  /** While the shared windows are away: count in this process (`local`), or let nothing in (`closed`). */
  LIMITS_FALLBACK: z.enum(['local', 'closed']).default('local'),
  /** Calls that may be open at once in this process. */
  MAX_OPEN_CALLS: envInt(1, 1_000_000).default(20_000),
  /** And of one credential: each may wait for minutes. */
  MAX_OPEN_CALLS_CREDENTIAL: envInt(1, 1_000_000).default(1_000),
  ...BrandEnv.shape,
  /** Quick-connect pages, server cards, the catalog of them and llms.txt, for everybody. */
  PUBLIC_PAGES: z.enum(['0', '1']).default('1'),
  /** Platforms whose models llms.txt tells to everybody, or `all` or `none`; without it those that are public anyway. */
  PUBLIC_MODELS: envList.optional(),
});
type GatewayEnv = z.infer<typeof GatewayEnv>;

export interface GatewayConfig {
  auth: 'none' | 'keys' | 'oauth';
  /** Without a slash at the end; always there with `oauth`. */
  publicUrl: string | undefined;
  keyPrefixes: KeyPrefixes;
  maxStaleMs: number;
  profileHosts: readonly ProfileHost[];
  /** Undefined: those whose platform is connected. */
  profiles: readonly string[] | undefined;
  profilesFolder: string | undefined;
  allowedHosts: AllowedHosts;
  /** Undefined: loopback origins. */
  allowedOrigins: ReadonlySet<string> | undefined;
  maxBodyBytes: number;
  maxInlineUploads: number;
  trustedProxies: AddressRanges;
  /** Addresses that many users share. */
  trustedEgress: AddressRanges;
  limitsFallback: 'local' | 'closed';
  waits: ClientTable;
  maxStreamMs: number;
  hasEvents: boolean;
  offered: Selection;
  serverInfo: ServerIdentity['serverInfo'];
  /** Variables of platforms that the versions of profiles tell, where they are set. */
  settings: Readonly<Record<string, string>>;
  icons: readonly Icon[];
  limits: WindowLimits;
  openCallLimits: OpenCallLimits;
  surfaces: readonly string[];
  subscriptionLimits: SubscriptionLimits;
  extraTools: readonly string[];
  hasPages: boolean;
  brands: Brands;
  /** Platforms whose models are told to everybody; undefined: all. */
  publicModels: ReadonlySet<string> | undefined;
}

/** Reads the gateway's variables; throws `ConfigError` with every problem at once. */
export function parseGatewayConfig(env: Env): GatewayConfig {
  const { data: parsed, problems } = parseRest(GatewayEnv, env);
  const { problems: badBrands, ...brands } = readBrands(parsed);
  problems.push(...problemsOf(parsed), ...prefixProblemsOf(parsed), ...hostProblemsOf(parsed), ...badBrands);
  const trustedProxies = collect(problems, 'TRUSTED_PROXIES', () =>
    parseAddressRanges(parsed.TRUSTED_PROXIES),
  );
  const profileHosts = collect(problems, 'PROFILE_HOSTS', () => parseProfileHosts(parsed.PROFILE_HOSTS));
  const trustedEgress = collect(problems, 'TRUSTED_EGRESS', () => parseAddressRanges(parsed.TRUSTED_EGRESS));
  const rows = collect(problems, 'WAIT_TABLE_FILE', () => readClientRows(parsed.WAIT_TABLE_FILE));
  if (
    trustedProxies === undefined ||
    trustedEgress === undefined ||
    profileHosts === undefined ||
    rows === undefined ||
    problems.length > 0
  )
    throw new ConfigError(problems);
  return Object.freeze({
    auth: parsed.INFERRY_AUTH,
    publicUrl: parsed.PUBLIC_URL?.replace(/\/+$/, ''),
    keyPrefixes: {
      accepted: parsed.MCP_ACCEPTED_KEY_PREFIXES.map(toPrefix),
      refused: parsed.MCP_REFUSED_KEY_PREFIXES,
    },
    maxStaleMs: parsed.MAX_REVOCATION_STALENESS_SECONDS * 1_000,
    profileHosts,
    profiles: parsed.PROFILES,
    profilesFolder: parsed.PROFILES_FOLDER,
    allowedHosts: toAllowedHosts(parsed, profileHosts),
    allowedOrigins:
      parsed.MCP_ALLOWED_ORIGINS === undefined ? undefined : new Set(parsed.MCP_ALLOWED_ORIGINS.map(lower)),
    maxBodyBytes: parsed.MCP_MAX_BODY_BYTES,
    maxInlineUploads: parsed.MAX_INLINE_UPLOADS,
    trustedProxies,
    trustedEgress,
    limitsFallback: parsed.LIMITS_FALLBACK,
    waits: createClientTable(rows, toCeilingSeconds(parsed)),
    hasEvents: parsed.EVENTS === '1',
    maxStreamMs:
      parsed.MAX_STREAM_SECONDS === 0 ? Number.POSITIVE_INFINITY : parsed.MAX_STREAM_SECONDS * 1_000,
    offered: {
      toolsets: new Set(parsed.TOOLSETS.filter(isToolset)),
      excluded: new Set(parsed.EXCLUDE_TOOLS),
      isReadOnly: parsed.READ_ONLY === '1',
    },
    icons: toIcons(parsed),
    settings: toldSettings(env),
    serverInfo: { name: parsed.SERVER_NAME, title: parsed.SERVER_TITLE, version: parsed.SERVER_VERSION },
    limits: {
      credential: parsed.RATE_LIMIT_CREDENTIAL,
      subject: parsed.RATE_LIMIT_SUBJECT ?? Math.max(600, parsed.RATE_LIMIT_CREDENTIAL),
      ipPreAuth: parsed.RATE_LIMIT_IP_PRE_AUTH,
      ipPostAuth: parsed.RATE_LIMIT_IP_POST_AUTH,
      trustedEgress: parsed.RATE_LIMIT_TRUSTED_EGRESS,
    },
    openCallLimits: toOpenCallLimits(parsed),
    surfaces: [...new Set(parsed.MCP_SURFACES)],
    subscriptionLimits: {
      perProcess: parsed.MAX_SUBSCRIPTIONS,
      perGrant: parsed.MAX_SUBSCRIPTIONS_CREDENTIAL,
    },
    extraTools: parsed.INFERRY_EXTRA_TOOLS,
    hasPages: parsed.PUBLIC_PAGES === '1',
    brands,
    publicModels: toPublicModels(parsed),
  });
}

/** `rf_live_=runflow` */
const prefixPattern = /^[\x21-\x7e]{3,32}=[a-z][a-z0-9-]{0,39}$/;

function toPrefix(item: string): KeyPrefixes['accepted'][number] {
  const at = item.lastIndexOf('=');
  if (at < 0) return { prefix: item, provider: platformOf(item) ?? '' };
  return { prefix: item.slice(0, at), provider: item.slice(at + 1) };
}

/** Whose keys begin like this, as a profile says: `rf_live` is enough for `rf_live_=runflow` (RF-46). */
function platformOf(prefix: string): string | undefined {
  if (prefix.length < 3) return undefined;
  const known = profiles.flatMap(({ access }) => Object.entries(access.keyPrefixes ?? {}));
  return known.find(([own]) => own.startsWith(prefix))?.[1];
}

function* problemsOf(env: GatewayEnv): Generator<string> {
  if (env.INFERRY_AUTH === 'oauth' && env.PUBLIC_URL === undefined)
    yield 'PUBLIC_URL: is needed with INFERRY_AUTH=oauth: clients sign in there';
  if (env.INFERRY_AUTH === 'none' && !isLoopback(env.HOST)) {
    yield 'INFERRY_AUTH: none is for loopback addresses only; use keys, or HOST=127.0.0.1';
  }
  for (const name of ['MCP_ALLOWED_HOSTS', 'MCP_ALLOWED_ORIGINS'] as const) {
    if (env[name]?.some((item) => item.includes('*'))) yield `${name}: names are exact, * is not taken`;
  }
  const badNames = env.MCP_SURFACES.filter((name) => !/^[a-z][a-z0-9_-]{0,31}$/.test(name));
  if (badNames.length > 0) yield `MCP_SURFACES: not a name of a service: ${badNames.join(', ')}`;
  const unknown = env.TOOLSETS.filter((name) => !isToolset(name));
  if (unknown.length > 0) yield `TOOLSETS: unknown ${unknown.join(', ')}; known: ${toolsets.join(', ')}`;
}

function* prefixProblemsOf({ MCP_ACCEPTED_KEY_PREFIXES: prefixes }: GatewayEnv): Generator<string> {
  for (const item of prefixes) {
    if (!prefixPattern.test(item) && platformOf(item) === undefined)
      yield `MCP_ACCEPTED_KEY_PREFIXES: "${item.slice(0, 40)}" is not like rf_live_=runflow`;
    else if (item.startsWith('ifr_') || item.startsWith('ey'))
      yield 'MCP_ACCEPTED_KEY_PREFIXES: our own keys and tokens cannot be a provider’s';
  }
}

function* hostProblemsOf({
  PUBLIC_URL: url,
  PROFILE_HOSTS: hosts,
  PROFILES: keys = [],
}: GatewayEnv): Generator<string> {
  const unknown = keys.filter((key) => profileOf(key) === undefined);
  if (unknown.length > 0)
    yield `PROFILES: unknown ${unknown.join(', ')}; known: ${profiles.map(({ key }) => key).join(', ')}`;
  const own = url === undefined ? undefined : new URL(url).host;
  if (own !== undefined && hosts.some((item) => item.toLowerCase().startsWith(`${own}=`)))
    yield 'PROFILE_HOSTS: the host of PUBLIC_URL is the whole deployment’s';
}

/** Without a list: the loopback names and the bound address on the own port, and what the public URL is reached by. */
function toAllowedHosts(env: GatewayEnv, profileHosts: readonly ProfileHost[]): AllowedHosts {
  const url = env.PUBLIC_URL === undefined ? undefined : new URL(env.PUBLIC_URL);
  const names = (env.MCP_ALLOWED_HOSTS ?? []).flatMap((name) => spellingsOf(name));
  names.push(...profileHosts.flatMap(({ host }) => spellingsOf(host)));
  if (url !== undefined) names.push(...spellingsOf(url.host, url.protocol));
  if (url !== undefined && isLoopback(url.hostname))
    names.push(...loopbackNames.flatMap((name) => spellingsOf(`${name}:${url.port}`, url.protocol)));
  const isListed = env.MCP_ALLOWED_HOSTS !== undefined;
  return {
    names: new Set(names),
    ownNames: isListed ? [] : [...new Set([...loopbackNames, ...boundName(env.HOST)])],
    // Whoever reaches a system without authentication from this machine is its one user, by whatever port.
    anyLoopbackPort: !isListed && env.INFERRY_AUTH === 'none' && isLoopback(env.HOST),
  };
}

/** What the server is bound to, as clients write it; nothing for every address at once. */
function boundName(host: string): string[] {
  if (host === '0.0.0.0' || host === '::') return [];
  const written = `http://${host.includes(':') ? `[${host}]` : host}`;
  return URL.canParse(written) ? [new URL(written).hostname] : [];
}

/**
 * Whose models are public wherever they are offered: those of platforms that have a profile here, and our own. Servers of
 * one's own and what a file describes may be nobody else's business. On loopback there is nobody else.
 */
function toPublicModels({
  PUBLIC_MODELS: told,
  INFERRY_AUTH: auth,
}: GatewayEnv): ReadonlySet<string> | undefined {
  if (told === undefined) {
    return auth === 'none'
      ? undefined
      : new Set(['local', ...profiles.flatMap(({ providers = [] }) => providers)]);
  }
  if (told.includes('all')) return undefined;
  return new Set(told.filter((slug) => slug !== 'none'));
}

function toCeilingSeconds({ MAX_WAIT_SECONDS: seconds, MCP_POLL_TIMEOUT_MS: ms }: GatewayEnv): number {
  return Math.min(seconds, Math.floor(ms / 1_000));
}

function toOpenCallLimits(env: GatewayEnv): OpenCallLimits {
  const { MAX_OPEN_CALLS_CREDENTIAL: perGrant } = env;
  const isAlone = env.INFERRY_AUTH === 'none';
  return {
    perProcess: env.MAX_OPEN_CALLS,
    // The one user of a loopback system owns it: there is nobody to be fair to.
    perGrant: isAlone ? Number.POSITIVE_INFINITY : perGrant,
    perSubject: isAlone ? undefined : Math.max(1_000, perGrant),
  };
}

/** An empty variable is an unset one. */
function toldSettings(env: Env): Record<string, string> {
  const prefixes = profiles.flatMap(({ versionNote }) => versionNote?.prefix ?? []);
  const set = Object.entries(env).flatMap(([name, value]): [string, string][] =>
    value?.trim() && prefixes.some((prefix) => name.startsWith(prefix)) ? [[name, value.trim()]] : [],
  );
  return Object.fromEntries(set);
}

function toIcons({ SERVER_ICON: src, SERVER_NAME: name }: GatewayEnv): Icon[] {
  if (src !== undefined) return [{ src }];
  return name === 'inferry' ? [ownIcon] : [];
}

function readClientRows(file: string | undefined): readonly ClientRow[] {
  return file === undefined ? knownClients : ClientRows.parse(JSON.parse(readFileSync(file, 'utf8')));
}

function collect<T>(problems: string[], variable: string, read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    problems.push(`${variable}: ${error instanceof Error ? error.message : 'cannot be read'}`);
    return undefined;
  }
}

function isToolset(name: string): name is Toolset {
  return toolsets.some((toolset) => toolset === name);
}

function lower(value: string): string {
  return value.toLowerCase();
}
