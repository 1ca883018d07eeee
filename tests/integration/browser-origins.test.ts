import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { createBus, createInProcessTransport } from '@inferry/bus';
import { createInProcessLimits } from '@inferry/limits';
import { createGatewayService, parseGatewayConfig } from '@inferry/mcp-gateway';
import { createHttpApp, createLogger, type HttpService, portOf } from '@inferry/runtime';
import type { Browser, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { launchBrowser, launchTimeoutMs } from './sign-in/browser.ts';

/** Two sites and a gateway that takes one of them, as a browser sees them. */
let browser: Browser;
let page: Page;
let sites: Server[];
let allowed: string;
let refused: string;
let service: HttpService;
let app: Awaited<ReturnType<typeof createHttpApp>>;
let mcp: string;

beforeAll(async () => {
  browser = await launchBrowser();
  sites = [await serveSite(), await serveSite()];
  [allowed = '', refused = ''] = sites.map(originOf);
  const bus = createBus(createInProcessTransport(), { name: 'mcp-gateway' });
  const log = createLogger({ service: 'mcp-gateway', replica: 'test', level: 'silent' });
  const config = parseGatewayConfig({ INFERRY_AUTH: 'none', MCP_SURFACES: '', MCP_ALLOWED_ORIGINS: allowed });
  service = await createGatewayService({ bus, limits: createInProcessLimits(), log }, config);
  app = await createHttpApp([service]);
  await app.listen({ host: '127.0.0.1', port: 0 });
  mcp = `http://127.0.0.1:${portOf(app)}/mcp`;
}, launchTimeoutMs);

afterEach(() => page?.close());

afterAll(async () => {
  await browser?.close();
  app?.server.closeAllConnections();
  await app?.close();
  await service?.close();
  for (const site of sites ?? []) site.close();
});

async function serveSite(): Promise<Server> {
  const site = createServer((_request, response) => {
    response.writeHead(200, { 'content-type': 'text/html' }).end('<!doctype html><title>A site</title>');
  });
  site.listen(0, '127.0.0.1');
  await once(site, 'listening');
  return site;
}

function originOf(site: Server): string {
  const address = site.address();
  return `http://127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 0}`;
}

interface Seen {
  /** What `fetch` threw, if it did. */
  failure?: string;
  status?: number;
  session?: string | null;
  body?: string;
}

/** Sends a POST from a page of that origin, with `fetch` as the page has it. */
async function postFrom(origin: string, body: object, headers: Record<string, string> = {}): Promise<Seen> {
  page = await browser.newPage();
  await page.goto(origin);
  const init = {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
      ...headers,
    },
    body: JSON.stringify(body),
  };
  const script = `fetch(${JSON.stringify(mcp)}, ${JSON.stringify(init)}).then(
    async (response) => ({
      status: response.status,
      session: response.headers.get('mcp-session-id'),
      body: await response.text(),
    }),
    (error) => ({ failure: String(error) }),
  )`;
  return page.evaluate<Seen>(script);
}

const initialize = {
  jsonrpc: '2.0',
  id: 1,
  method: 'initialize',
  params: { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'page', version: '1' } },
};

describe('a page in Chromium', () => {
  it('of an allowed origin initializes, reads its session and lists the tools with it', async () => {
    const first = await postFrom(allowed, initialize);
    const listed = await postFrom(
      allowed,
      { jsonrpc: '2.0', id: 2, method: 'tools/list' },
      { 'mcp-protocol-version': '2025-11-25', 'mcp-session-id': first.session ?? '' },
    );

    expect(first).toMatchObject({ status: 200, session: expect.any(String) });
    expect(listed.status).toBe(200);
    expect(listed.body).toContain('run_model');
  });

  it('of an allowed origin reads why a request is refused', async () => {
    const { status, body } = await postFrom(allowed, { jsonrpc: '2.0' });

    expect(status).toBe(400);
    expect(body).toContain('invalid_request');
  });

  it('of another origin sends nothing and reads nothing [RF-50]', async () => {
    const seen = await postFrom(refused, initialize);

    expect(seen.failure).toContain('Failed to fetch');
  });

  it('of another origin gets nothing by a request that needs no preflight either', async () => {
    const seen = await postFrom(refused, initialize, { 'content-type': 'text/plain' });

    expect(seen.failure).toContain('Failed to fetch');
  });
});
