/** The routes of what a deployment tells to everybody: quick-connect pages, server cards, and texts for agents. */
import { createHash } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { Bus } from '@inferry/bus';
import { AppError, isObject } from '@inferry/contracts';
import type { Parts } from '@inferry/runtime';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { GatewayConfig } from '../config.ts';
import type { Check, Edge } from '../http/edge.ts';
import type { Mounts } from '../http/mounts.ts';
import { type HttpRefusal, refuse } from '../http-refusal.ts';
import { asksForPage } from './accept.ts';
import { connectPage, type Document, missingPage } from './connect-page.ts';
import { llmsFullText, llmsText, modelText, type SiteText } from './llms.ts';
import { openPublicModels } from './public-models.ts';
import { aiCatalog, cardType, catalogType, serverCard } from './server-card.ts';
import { createSites, type Site, type Sites, toolsOf } from './site.ts';

export interface PublicPages {
  /** Answers a browser at the address of a mount; false for everybody else. */
  answerBrowser(request: FastifyRequest, reply: FastifyReply): boolean;
  mount(app: FastifyInstance): Promise<void>;
  close(): void;
}

export interface PublicPagesParts {
  bus: Bus;
  mounts: Mounts;
  edge: Pick<Edge, 'send'>;
  /** What holds before a Host is believed: whoever asks, and from whichever page. */
  checks: readonly Check[];
  log: Pick<Parts['log'], 'warn'>;
  now?: (() => number) | undefined;
}

const notFound = refuse(404, ['not_found', 'There is nothing here. MCP is served at /mcp.']);
const noModel = refuse(404, ['model_not_found', 'No model that everybody may see has this name.'], {
  nextAction: 'llms.txt lists them.',
});
const busy = refuse(503, ['unavailable', 'The models cannot be told now. Come again.'], {
  headers: { 'retry-after': '2' },
});

const mountKey = ':profile(^[a-z][a-z0-9-]{0,39}$)';
/** Ids are at most 300 characters long, and each may be sent as three. */
const maxPath = 1_000;

/** Pages of other sites may read these (SEP-2127, CORS requirements). */
const openToAll = {
  'access-control-allow-origin': '*',
  'access-control-allow-methods': 'GET',
  'access-control-allow-headers': 'Content-Type, If-None-Match',
  'access-control-expose-headers': 'ETag',
  'x-content-type-options': 'nosniff',
} as const;

interface Answer {
  type: string;
  text: string;
  status?: number;
  headers: Readonly<Record<string, string>>;
}

type Both = { request: FastifyRequest; reply: FastifyReply };
type Write = (site: Site, request: FastifyRequest) => Promise<Answer | undefined> | Answer;

export function createPublicPages(config: GatewayConfig, parts: PublicPagesParts): PublicPages {
  const { bus, mounts, log, now = Date.now } = parts;
  const sites = createSites({ ...config, ...config.brands }, mounts);
  const models = openPublicModels({ bus, told: config.publicModels, now });

  async function toText(site: Site, request: FastifyRequest): Promise<SiteText> {
    const others = site.isCanonical ? sites.sitesOf(request.raw).filter(({ key }) => key !== site.key) : [];
    return { site, tools: toolsOf(site), others, models: await listed(site) };
  }

  /** A text without models is better than none. */
  async function listed(site: Site): Promise<SiteText['models']> {
    try {
      return await models.list(site.offer.profile.providers);
    } catch (error) {
      log.warn({ err: error }, 'the models cannot be listed for everybody');
      return { items: [], isWhole: true };
    }
  }

  async function readModel(site: Site, request: FastifyRequest): Promise<Answer | undefined> {
    const id = modelIn(request);
    const found = id === undefined ? undefined : await models.read(id, site.offer.profile.providers);
    return found === undefined ? undefined : textAnswer(modelText(site, found));
  }

  const mount = (path: string) => [path, `/mcp/${mountKey}${path}`];
  const cards = [...mount('/server-card'), '/mcp/server-card', '/.well-known/mcp/server-card.json'];
  const routes: readonly (readonly [urls: readonly string[], write: Write])[] = [
    [cards, (site) => jsonAnswer(serverCard(site), cardType)],
    [
      ['/.well-known/ai-catalog.json'],
      (_site, { raw }) => jsonAnswer(aiCatalog(sites.sitesOf(raw)), catalogType),
    ],
    [mount('/llms.txt'), async (site, request) => textAnswer(llmsText(await toText(site, request)))],
    [mount('/llms-full.txt'), async (site, request) => textAnswer(llmsFullText(await toText(site, request)))],
    [mount('/models/*'), readModel],
  ];

  return {
    answerBrowser(request, reply) {
      const { method, headers } = request;
      if ((method !== 'GET' && method !== 'HEAD') || !asksForPage(headers.accept)) return false;
      if (!isRefused(parts, { request, reply })) send({ request, reply }, pageAnswer(sites, request));
      return true;
    },
    async mount(app) {
      await app.register((scope, _options, done) => {
        scope.setErrorHandler((error, _request, reply) => {
          if (!(error instanceof AppError)) log.warn({ err: error }, 'a page failed');
          refuseWith(parts, reply, busy);
        });
        for (const [urls, write] of routes) {
          for (const url of urls) serve(scope, url, { parts, sites, write });
        }
        done();
      });
    },
    close: () => models.close(),
  };
}

function pageAnswer(sites: Sites, { raw }: FastifyRequest): Answer {
  const all = sites.sitesOf(raw);
  const site = sites.siteOf(raw);
  if (site === undefined) return toPage(missingPage(all, keyOf(raw)), 404);
  const others = all
    .filter(({ key }) => key !== site.key)
    .map((other) => ({ site: other, tools: toolsOf(other).length }));
  return toPage(connectPage({ site, tools: toolsOf(site), others }), 200);
}

function toPage({ html, policy }: Document, status: number): Answer {
  return {
    type: 'text/html; charset=utf-8',
    text: html,
    status,
    headers: {
      'content-security-policy': `${policy}; form-action 'none'`,
      'x-frame-options': 'DENY',
      'x-content-type-options': 'nosniff',
      'referrer-policy': 'no-referrer',
      'cache-control': 'no-cache',
      'permissions-policy': 'camera=(), microphone=(), geolocation=(), payment=()',
      vary: 'Accept, Host',
    },
  };
}

/** True where the request ends here. */
function isRefused(parts: PublicPagesParts, { request, reply }: Both): boolean {
  for (const check of parts.checks) {
    const refusal = check(request.raw);
    if (refusal === undefined) continue;
    refuseWith(parts, reply, refusal);
    return true;
  }
  return false;
}

function refuseWith({ edge }: PublicPagesParts, reply: FastifyReply, refusal: HttpRefusal): FastifyReply {
  reply.hijack();
  edge.send({ response: reply.raw }, refusal);
  return reply;
}

/** A document of a mount, which the path names; the root's are those of the host. */
function serve(
  app: FastifyInstance,
  url: string,
  { parts, sites, write }: { parts: PublicPagesParts; sites: Sites; write: Write },
): void {
  app.get(url, async (request, reply) => {
    if (isRefused(parts, { request, reply })) return reply;
    const site = siteAt(sites, request);
    if (site === undefined) return refuseWith(parts, reply, notFound);
    const answer = await write(site, request);
    return answer === undefined ? refuseWith(parts, reply, noModel) : send({ request, reply }, answer);
  });
  app.options(url, async (request, reply) => {
    if (isRefused(parts, { request, reply })) return reply;
    return reply
      .code(204)
      .headers({ ...openToAll, 'access-control-max-age': '7200' })
      .send();
  });
}

function siteAt(sites: Sites, { raw, params }: FastifyRequest): Site | undefined {
  const profile = paramOf(params, 'profile');
  const { headers, socket } = raw;
  return sites.siteOf({ headers, socket, url: profile === undefined ? '/' : `/mcp/${profile}` });
}

function paramOf(params: unknown, name: string): string | undefined {
  const value = isObject(params) ? params[name] : undefined;
  return typeof value === 'string' ? value : undefined;
}

function keyOf({ url = '' }: IncomingMessage): string {
  return /^\/mcp\/([^/?]*)/.exec(url)?.[1] ?? '';
}

/** `/models/<id>/llms.txt`; undefined for anything else, and for what no id looks like. */
function modelIn({ params }: FastifyRequest): string | undefined {
  const path = paramOf(params, '*') ?? '';
  if (path.length > maxPath || !path.endsWith('/llms.txt')) return undefined;
  const id = path.slice(0, -'/llms.txt'.length);
  return id !== '' && id.length <= 300 && !/[\p{Cc}\p{Cs}]/u.test(id) ? id : undefined;
}

function jsonAnswer(value: object, type: string): Answer {
  return {
    type,
    text: JSON.stringify(value, undefined, 2),
    headers: { ...openToAll, 'cache-control': 'public, max-age=3600', vary: 'Host' },
  };
}

function textAnswer(text: string): Answer {
  return {
    type: 'text/plain; charset=utf-8',
    text,
    headers: { ...openToAll, 'cache-control': 'public, max-age=300', vary: 'Host' },
  };
}

function send({ request, reply }: Both, { type, text, status = 200, headers }: Answer): FastifyReply {
  const tag = `"${createHash('sha256').update(text).digest('base64url').slice(0, 22)}"`;
  reply.headers({ ...headers, etag: tag });
  const known = request.headers['if-none-match'];
  const isKnown = known?.split(',', 20).some((one) => one.trim().replace(/^W\//, '') === tag) === true;
  return status === 200 && isKnown
    ? reply.code(304).send()
    : reply.code(status).header('content-type', type).send(Buffer.from(text));
}
