/** The mounts of this gateway: which profile a request came to, and whether it is served here. */
import type { IncomingMessage } from 'node:http';
import type { Bus } from '@inferry/bus';
import {
  type AnyTool,
  connectionChanged,
  listProviders,
  localPrincipal,
  type Profile,
} from '@inferry/contracts';
import { createOffer, type Offer } from '@inferry/mcp';
import { inferry, profileOf, profiles } from '@inferry/profiles';
import type { Parts } from '@inferry/runtime';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { GatewayConfig } from '../config.ts';
import { oneValue } from '../edge/request-head.ts';
import { profileOfMessage } from '../edge/resource-metadata.ts';
import { type FileProfiles, openFileProfiles } from '../file-profiles/file-profiles.ts';
import { type HttpRefusal, refuse } from '../http-refusal.ts';
import type { Edge, Receiver } from './edge.ts';

export interface Mounts {
  /** `/mcp` and the bare origin of the deployment's own host. */
  canonical: Offer;
  /** What a request is offered; undefined where its mount is not served. */
  offerOf(request: Pick<IncomingMessage, 'url' | 'headers'>): Offer | undefined;
  /** The offer of a profile, whether it is mounted or not; undefined where there is no such profile. */
  offerNamed(key: string): Offer | undefined;
  /** What is served now, the canonical one first. */
  served(): Offer[];
  close(): void;
}

type MountConfig = Pick<
  GatewayConfig,
  | 'auth'
  | 'serverInfo'
  | 'settings'
  | 'icons'
  | 'surfaces'
  | 'hasEvents'
  | 'offered'
  | 'profileHosts'
  | 'profiles'
  | 'profilesFolder'
>;

/** How often is asked which platforms are connected, since an event may be lost. */
const rereadMs = 30_000;

interface MountsParts {
  bus: Bus;
  log: Pick<Parts['log'], 'info' | 'warn' | 'error'>;
  extraTools: readonly AnyTool[];
  /** The tools of these mounts are others from now on. */
  onToolsChanged(key: string): void;
}

export function openMounts(
  config: MountConfig,
  { bus, log, extraTools, onToolsChanged }: MountsParts,
): Mounts {
  const { profileHosts, serverInfo, settings, icons, offered } = config;
  const parts = {
    bus,
    serverInfo,
    settings,
    icons,
    offered,
    extraTools,
    hasSurfaces: config.surfaces.length > 0,
    hasEvents: config.hasEvents,
  };
  const offers = new Map<string, Offer>();
  /** By the plain address of a mount, which is what nearly every request has. */
  const byAddress = new Map<string, Offer>();
  // Made when somebody comes to it: a process over stdio serves one.
  function offerOfProduct(key: string): Offer | undefined {
    const known = offers.get(key);
    if (known !== undefined) return known;
    const profile = profileOf(key);
    if (profile === undefined) return undefined;
    const offer = createOffer(profile, parts);
    offers.set(key, offer);
    // The path counts before the host, so that no other mount has this address.
    byAddress.set(`/mcp/${key}`, offer);
    return offer;
  }
  const canonical = () => offerOfProduct(inferry.key) ?? createOffer(inferry, parts);
  const files: FileProfiles | undefined =
    config.profilesFolder === undefined
      ? undefined
      : openFileProfiles(config.profilesFolder, {
          ...{ bus, log, offered, onToolsChanged },
          createOffer: (profile) => createOffer(profile, { ...parts, toolsChange: true }),
        });
  const offerAt: Mounts['offerOf'] = (request) => {
    const key = profileOfMessage(request, profileHosts);
    if (key === undefined) return canonical();
    const offer = offerOfProduct(key) ?? files?.offerOf(key);
    // A host may be given to a profile that comes with a later release: until then it has the canonical tools.
    if (offer === undefined) return request.url?.startsWith(`/mcp/${key}`) ? undefined : canonical();
    return profileOf(key) === undefined || isOn.has(offer.profile) ? offer : undefined;
  };
  const isOn = config.profiles === undefined ? watchConnected(bus, config) : listed(config.profiles);
  return {
    get canonical() {
      return canonical();
    },
    offerOf(request) {
      if (request.url === '/mcp' && profileHosts.length === 0) return canonical();
      const plain = byAddress.get(request.url ?? '');
      if (plain === undefined) return offerAt(request);
      return isOn.has(plain.profile) ? plain : undefined;
    },
    offerNamed: (key) => offerOfProduct(key) ?? files?.offerOf(key),
    served() {
      const product = profiles.filter((profile) => profile.key !== inferry.key && isOn.has(profile));
      const own = product.map(({ key }) => offerOfProduct(key)).filter((offer) => offer !== undefined);
      return [canonical(), ...own, ...(files?.offers() ?? [])];
    },
    close() {
      isOn.close();
      files?.close();
    },
  };
}

interface Switches {
  has(profile: Profile): boolean;
  close(): void;
}

function listed(keys: readonly string[]): Switches {
  const on = new Set(keys);
  return { has: ({ key }) => key === inferry.key || on.has(key), close: () => undefined };
}

/**
 * Without a list: the profiles whose platform is connected. Where callers have keys of their own, that is every platform of
 * the deployment; and before anybody could be asked, all of them.
 */
function watchConnected(bus: Bus, { auth }: Pick<MountConfig, 'auth'>): Switches {
  let usable: ReadonlySet<string> | undefined;

  async function read(): Promise<void> {
    try {
      const { providers } = await bus.call(listProviders, {}, { principal: localPrincipal });
      const known = providers.filter(({ ready }) => auth !== 'none' || ready);
      usable = new Set(known.map(({ slug }) => slug));
    } catch {
      // What was known stays; the timer asks again.
    }
  }

  void read();
  const timer = setInterval(() => void read(), rereadMs).unref();
  const changed = bus.on(connectionChanged, () => void read());
  return {
    has({ providers }) {
      return providers === undefined || usable === undefined || providers.some((slug) => usable?.has(slug));
    },
    close() {
      clearInterval(timer);
      changed.unsubscribe();
    },
  };
}

interface MountParts {
  edge: Edge;
  mounts: Mounts;
  receive: Receiver;
  /** Takes an admitted GET that asks for the rest of a stream. */
  resume: Receiver;
  /** What tells whoever asks in vain how to sign in; empty where nobody does. */
  challenge(request: IncomingMessage): Readonly<Record<string, string>>;
  /** Shows a browser how to connect; false for what is none. */
  answerBrowser(request: FastifyRequest, reply: FastifyReply): boolean;
  onError(error: unknown): void;
}

/** MCP at `/mcp` and at the bare origin (X2), below it at the mounts of profiles, and at the paths that name toolsets, after `x`. */
const mounts = ['/mcp', '/mcp/:profile(^(?!x$)[a-z][a-z0-9-]{0,39}$)'];
/** The plain addresses of the product's own profiles have routes of their own: the router need match no pattern for them. */
const ownMounts = profiles.map(({ key }) => `/mcp/${key}`);
const mcpPaths = [
  '/',
  ...ownMounts,
  ...mounts.flatMap((mount) => [mount, `${mount}/x/:toolsets`, `${mount}/x/:toolsets/readonly`]),
];

const notFound = refuse(404, ['not_found', 'There is nothing here. MCP is served at /mcp.']);
const notAllowed = refuse(405, ['method_not_allowed', 'MCP is served by POST.'], {
  headers: { allow: 'POST' },
});
const failed = refuse(500, ['internal', 'Something went wrong here. Try again; if it repeats, report it.']);

/** The gateway's routes. */
export async function mountRoutes(app: FastifyInstance, parts: MountParts): Promise<void> {
  // Before the body: a parser would answer for what it cannot read at an address that does not exist.
  app.addHook('onRequest', (request, reply, done) => {
    // What lies below a prefix belongs to whoever took it.
    if (request.is404 && request.server.prefix === '') answerOther(parts.edge, { request, reply }, notFound);
    else done();
  });
  // The error handler is the MCP routes' alone: other routes of the app keep theirs.
  await app.register((scope, _options, done) => {
    scope.setErrorHandler((error, _request, reply) => {
      parts.onError(error);
      answer(parts.edge, reply, failed);
    });
    for (const url of mcpPaths) mountMcp(scope, url, parts);
    done();
  });
}

function mountMcp(
  scope: FastifyInstance,
  url: string,
  { edge, mounts, receive, resume, challenge, answerBrowser }: MountParts,
): void {
  // Answered before the body, which the receiver reads: no parser of Fastify's has a part in it.
  const take = (admit: Receiver) => (request: FastifyRequest, reply: FastifyReply) => {
    const offer = mounts.offerOf(request.raw);
    if (offer === undefined) return answerOther(edge, { request, reply }, notFound);
    reply.hijack();
    edge.pass(request.raw, reply.raw, (admitted) => admit({ ...admitted, offer }));
  };
  const takePost = take(receive);
  const takeGet = take(resume);
  const other = (request: FastifyRequest, reply: FastifyReply) => {
    if (answerBrowser(request, reply)) return;
    if (mounts.offerOf(request.raw) === undefined) answerOther(edge, { request, reply }, notFound);
    else if (request.method === 'GET' && oneValue(request.headers['last-event-id']) !== undefined)
      takeGet(request, reply);
    else {
      const headers = { ...notAllowed.headers, ...challenge(request.raw) };
      answerOther(edge, { request, reply }, { ...notAllowed, headers });
    }
  };
  scope.route({ method: 'POST', url, onRequest: takePost, handler: takePost });
  scope.route({
    method: ['GET', 'DELETE', 'PUT', 'PATCH', 'OPTIONS'],
    url,
    // Before any work: idle GETs that wait for a stream were most of the traffic of one hosted server (RPB-08).
    onRequest: other,
    handler: other,
  });
}

/** What is no POST to MCP: a preflight, or `otherwise` unless its Host or Origin is refused first. */
function answerOther(
  edge: Edge,
  { request, reply }: { request: FastifyRequest; reply: FastifyReply },
  otherwise: HttpRefusal,
): void {
  const refusal = edge.greet(request.raw, reply.raw);
  if (refusal === undefined && otherwise !== notFound && edge.answerPreflight(request.raw, reply.raw)) {
    reply.hijack();
  } else answer(edge, reply, refusal ?? otherwise);
}

function answer(edge: Edge, reply: FastifyReply, refusal: HttpRefusal): void {
  reply.hijack();
  edge.send({ response: reply.raw }, refusal);
}
