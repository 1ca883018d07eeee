import type { IncomingMessage } from 'node:http';
import { isAbsolute, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { type AnyTool, callCancelled, type Secret } from '@inferry/contracts';
import { createInProcessLimits } from '@inferry/limits';
import { createMcpCore, createMethodTable, InFlight, startConversation, startSurfaces } from '@inferry/mcp';
import type { HttpService, Parts, Readiness } from '@inferry/runtime';
import type { GatewayConfig } from './config.ts';
import type { Authenticate } from './edge/authenticate.ts';
import { createCors } from './edge/cors.ts';
import { gatewayPrincipal } from './edge/gateway-principal.ts';
import { type Authentication, openAuthentication } from './edge/open-authentication.ts';
import { createProbeGate } from './edge/probe-gate.ts';
import {
  checkContentEncoding,
  checkContentType,
  checkHead,
  createBodyCheck,
  createHostCheck,
  createOriginCheck,
  createOrigins,
  refuseBodySize,
} from './edge/request-head.ts';
import { createWindows } from './edge/windows.ts';
import { openPinnedModels } from './file-profiles/pinned-models.ts';
import {
  type BodyTimings,
  type Check,
  createEdge,
  createReceiver,
  defaultBodyTimings,
  type Edge,
  type EdgeParts,
  type Receiver,
} from './http/edge.ts';
import { defaultTimings, OpenStreams, type StreamTimings } from './http/http-channel.ts';
import { InlineUploads, mayBeUpload } from './http/inline/inline-uploads.ts';
import { McpEndpoint } from './http/mcp-endpoint.ts';
import { type Mounts, mountRoutes, openMounts } from './http/mounts.ts';
import { OpenCalls } from './open-calls.ts';
import type { PublicPages, PublicPagesParts } from './pages/public-pages.ts';
import { saveOutputTool, withLocalFiles } from './stdio/local-files.ts';
import { type LineWriter, withOwnLinks } from './stdio/stdio-channel.ts';
import { StdioEndpoint } from './stdio/stdio-endpoint.ts';
import { createTelemetry, type Telemetry } from './telemetry.ts';

export interface GatewayOptions {
  /** Signs what clients hold for all replicas; made up when there is one alone. */
  sessionSecret?: Secret;
  timings?: Partial<StreamTimings>;
  bodyTimings?: Partial<BodyTimings>;
  /** False where MCP is served over stdio alone. */
  hasHttp?: boolean;
}

export interface StdioOptions {
  /** Shared beside the client's roots. */
  folders?: readonly string[];
  /** Where this process has the files of its data folder. */
  filesUrl?: string;
}

/** A line over stdio may hold what one call may (the whole message of a bus). */
const leastLineBytes = 1_048_576;

/** The gateway with the way into it that is no HTTP. */
export interface GatewayService extends HttpService {
  /** Serves one profile to the one client at the other end of `writer`. */
  openStdio(profile: string, writer: LineWriter, options?: StdioOptions): StdioEndpoint;
}

/** The public MCP endpoint. It has no code for any one tool: they come from the contracts and go to the bus. */
export async function createGatewayService(
  parts: Pick<Parts, 'bus' | 'limits' | 'log' | 'now'>,
  config: GatewayConfig,
  options: GatewayOptions = {},
): Promise<GatewayService> {
  const { bus, log, now } = parts;
  const bodyTimings = { ...defaultBodyTimings, ...options.bodyTimings };
  const telemetry = createTelemetry();
  const onError = (error: unknown) => log.error({ err: error }, 'a request failed');
  const { subscriptionLimits, waits } = config;
  const hasHttp = options.hasHttp ?? true;
  const extraTools = await openExtraTools(config, hasHttp);
  const { closeSurfaces, ...surface } = startSurfaces(bus, {
    services: config.surfaces,
    principal: gatewayPrincipal,
    ...{ log, subscriptionLimits, hasEvents: config.hasEvents },
  });
  const onToolsChanged = (mount: string) => surface.subscriptions.tellTools(mount);
  const mounts = openMounts(config, { bus, log, extraTools, onToolsChanged });
  const pinnedModels = openPinnedModels({ bus, offered: config.offered });
  const inFlight = new InFlight();
  const calls = new OpenCalls(config.openCallLimits);
  const maxAgeMs = config.maxStreamMs;
  const streams = new OpenStreams(telemetry, { ...defaultTimings, maxAgeMs, ...options.timings });
  const local = createInProcessLimits();
  const windows = createWindows(config.limits, {
    limits: parts.limits,
    local: config.limitsFallback === 'local' ? local : undefined,
    onAway: telemetry.limitsAway,
    trustedEgress: config.trustedEgress,
  });
  const { trustedProxies, trustedEgress } = config;
  const probes = createProbeGate({ windows, trustedProxies, trustedEgress });
  const onRevoked = (grantId: string) => calls.revoke(grantId);
  const auth = await openAuthentication(config, {
    ...{ bus, log, onRevoked, probes, now, checks: openChecks(config) },
    isServed: (request) => mounts.offerOf(request) !== undefined,
  });
  const conversation = startConversation(bus, { secret: options.sessionSecret, now });
  const { clientRequests } = conversation;
  const table = createMethodTable({ bus, inFlight, waits, ...conversation, ...surface });
  const edge = createEdge({
    ...toChecks(config),
    authenticate: auth.authenticate === undefined ? undefined : counted(auth.authenticate, telemetry),
    windows,
    probes,
    trustedProxies,
    telemetry,
    maxBodyBytes: config.maxBodyBytes,
    lingerMs: bodyTimings.lingerMs,
    onError,
  });
  const core = createMcpCore(table, { observer: telemetry, clients: waits });
  const endpoint = new McpEndpoint({
    core,
    edge,
    pinnedModels,
    ...conversation,
    challenge: auth.challenge,
    calls,
    streams,
    log,
  });

  const cancellations = bus.on(callCancelled, ({ subject, session, request_id: requestId }) => {
    inFlight.cancel({ subject, session, requestId });
  });

  const pages = hasHttp ? await openPages(config, { bus, mounts, edge, log, now }) : undefined;

  const service = toService({
    bus,
    config,
    pages,
    hasHttp,
    auth,
    streams,
    calls,
    endpoint,
    edge,
    mounts,
    bodyTimings,
    onError,
    close,
  });
  const maxLineBytes = Math.max(config.maxBodyBytes, leastLineBytes);
  return {
    ...service,
    openStdio(profile, writer, { folders = [], filesUrl } = {}) {
      const offer = mounts.offerNamed(profile) ?? mounts.canonical;
      const methods = withLocalFiles(table, { bus, clientRequests, folders });
      const ownCore = createMcpCore(methods, { observer: telemetry, clients: waits });
      const own = { core: ownCore, clientRequests, calls, offer, maxLineBytes, log };
      return new StdioEndpoint(own, withOwnLinks(writer, filesUrl));
    },
  };

  async function close(): Promise<void> {
    cancellations.unsubscribe();
    clientRequests.close();
    closeSurfaces();
    pages?.close();
    mounts.close();
    pinnedModels.close();
    auth.close();
    streams.close();
    await local.close();
  }
}

/** Loaded where they are shown: a client over stdio waits for no pages. */
async function openPages(
  config: GatewayConfig,
  parts: Omit<PublicPagesParts, 'checks'>,
): Promise<PublicPages | undefined> {
  if (!config.hasPages) return undefined;
  const { createPublicPages } = await import('./pages/public-pages.ts');
  return createPublicPages(config, { ...parts, checks: openChecks(config) });
}

/** Whoever is on the same machine has what is done with its files. */
async function openExtraTools(config: GatewayConfig, hasHttp: boolean): Promise<readonly AnyTool[]> {
  const tools = await loadExtraTools(config.extraTools);
  return hasHttp ? tools : [...tools, saveOutputTool];
}

/** What holds of every request, from whichever page it comes. */
function openChecks(config: GatewayConfig): Check[] {
  return [checkHead, createHostCheck(config.allowedHosts)];
}

/** What needs nothing but the head of a request, in this order. */
function toChecks(config: GatewayConfig): Pick<EdgeParts, 'doorChecks' | 'bodyChecks' | 'cors'> {
  const origins = createOrigins(config.allowedOrigins);
  return {
    doorChecks: [...openChecks(config), createOriginCheck(origins)],
    bodyChecks: [createBodyCheck(config.maxBodyBytes, mayBeUpload), checkContentType, checkContentEncoding],
    cors: createCors(origins),
  };
}

interface ServiceParts {
  bus: Parts['bus'];
  config: GatewayConfig;
  hasHttp: boolean;
  pages: PublicPages | undefined;
  auth: Authentication;
  streams: OpenStreams;
  calls: OpenCalls;
  endpoint: McpEndpoint;
  edge: Edge;
  mounts: Mounts;
  bodyTimings: BodyTimings;
  onError(error: unknown): void;
  close(): Promise<void>;
}

function toService({ bus, config, auth, streams, calls, edge, ...parts }: ServiceParts): HttpService {
  const { maxBodyBytes, maxInlineUploads } = config;
  const { endpoint, mounts, onError, bodyTimings: timings } = parts;
  const tooLarge = refuseBodySize(maxBodyBytes);
  const uploads = new InlineUploads({
    bus,
    calls,
    timings,
    maxBodyBytes,
    tooLarge,
    maxAtOnce: maxInlineUploads,
  });
  const receive = createReceiver({ edge, endpoint, uploads, maxBodyBytes, timings, onError });
  let isDraining = false;
  return {
    name: 'mcp-gateway',
    async readiness() {
      return toReadiness({
        bus: bus.problem,
        ...auth.problems(),
        process: isDraining ? 'stopping' : undefined,
      });
    },
    async routes(app) {
      if (!parts.hasHttp) return;
      auth.mount(app);
      // Some clients begin with a GET: where people sign in, its refusal leads there too.
      const challenge = (request: IncomingMessage) =>
        config.auth === 'oauth' ? auth.challenge({ scope: 'mcp' }, request) : {};
      const resume: Receiver = (post) => endpoint.resume(post);
      const { pages } = parts;
      await pages?.mount(app);
      const answerBrowser: PublicPages['answerBrowser'] = (request, reply) =>
        pages?.answerBrowser(request, reply) === true;
      await mountRoutes(app, { edge, mounts, receive, resume, challenge, answerBrowser, onError });
    },
    async drain(graceMs) {
      isDraining = true;
      streams.refuseNewConnections();
      await calls.drain(graceMs);
    },
    close: parts.close,
  };
}

function toReadiness(problems: Record<string, string | undefined>): Readiness {
  const found = Object.entries(problems).filter((entry): entry is [string, string] => entry[1] !== undefined);
  return { isReady: found.length === 0, problems: Object.fromEntries(found) };
}

/** Whoever was verified lately is known at once; everybody else is waited for. */
function counted(authenticate: Authenticate, telemetry: Telemetry): Authenticate {
  return (request) => {
    const outcome = authenticate(request);
    if (request.headers.authorization !== undefined)
      telemetry.credentialLookedUp(!(outcome instanceof Promise));
    return outcome;
  };
}

interface ToolsModule {
  tools: readonly AnyTool[];
}

/** Contracts of a service that is not part of the product, from the modules that the deployment names. */
async function loadExtraTools(modules: readonly string[]): Promise<AnyTool[]> {
  const loaded = await Promise.all(modules.map(load));
  return loaded.flat();
}

async function load(name: string): Promise<readonly AnyTool[]> {
  const module: unknown = await import(isAbsolute(name) ? pathToFileURL(resolve(name)).href : name);
  if (isToolsModule(module)) return module.tools;
  throw new Error(`INFERRY_EXTRA_TOOLS: ${name} does not export tools`);
}

function isToolsModule(module: unknown): module is ToolsModule {
  return typeof module === 'object' && module !== null && 'tools' in module && Array.isArray(module.tools);
}
