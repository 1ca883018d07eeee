import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { chromiumFlags, findChromium } from '@inferry/testing';
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { type Browser, chromium, type FrameLocator, type Page } from 'playwright-core';
import { hostPage, policyOf, sandboxPage } from './pages.ts';

export type Json = Record<string, unknown>;
export type EraMode = 'legacy' | { pin: string };

/** What the view said to its host. */
export interface Heard {
  methods: string[];
  links: string[];
  contexts: Json[];
  sizes: { width: number; height: number }[];
  calls: ToolCall[];
}

export interface OpenOptions {
  theme?: 'light' | 'dark';
  width?: number;
  capabilities?: Json;
  context?: Json;
  /** Answers the view's calls instead of the server. */
  callServer?(params: ToolCall): Promise<Json>;
}

/** One view in a host, with everything that was noticed about it. */
export interface OpenView {
  page: Page;
  view: FrameLocator;
  tell(method: string, params: Json): Promise<void>;
  heard(): Promise<Heard>;
  /** Errors and violations of the policy on the console. */
  complaints: string[];
  /** Origins that were asked for anything. */
  origins: Set<string>;
  close(): Promise<void>;
}

export interface ToolCall {
  name: string;
  arguments: Json;
}

export interface AppHost {
  open(options?: OpenOptions): Promise<OpenView>;
  close(): Promise<void>;
}

const extensions = { 'io.modelcontextprotocol/ui': { mimeTypes: ['text/html;profile=mcp-app'] } };
const hostCapabilities = { openLinks: {}, serverTools: {}, updateModelContext: { text: {} }, logging: {} };

/** A view as it was read, and who answers its calls. */
export interface ViewSource {
  html: string;
  csp: { resourceDomains?: string[] };
  callServer(params: ToolCall): Promise<Json>;
}

/** A host of MCP Apps in a real browser. */
export async function startAppHost({ html, csp, callServer }: ViewSource): Promise<AppHost> {
  const [hostServer, sandboxServer] = await Promise.all([serve(hostPage), serve(sandboxPage, policyOf(csp))]);
  const browser = await chromium.launch({
    executablePath: await findChromium(),
    args: [...chromiumFlags],
  });
  const places = { hostUrl: urlOf(hostServer), sandboxUrl: urlOf(sandboxServer), html };
  return {
    open: (options) => openView({ browser, ...places }, { callServer, ...options }),
    async close() {
      await browser.close();
      hostServer.close();
      sandboxServer.close();
    },
  };
}

/** The same for the view that a real server has, whose calls go to that server. */
export async function connectAppHost(mcpUrl: string, mode: EraMode): Promise<AppHost & { client: Client }> {
  const client = new Client(
    { name: 'app-host', version: '1' },
    { capabilities: { extensions }, versionNegotiation: { mode } },
  );
  await client.connect(new StreamableHTTPClientTransport(new URL(mcpUrl)));
  const view = await readView(client);
  // as: results are objects.
  const host = await startAppHost({ ...view, callServer: (call) => client.callTool(call) as Promise<Json> });
  return {
    ...host,
    client,
    async close() {
      await host.close();
      await client.close();
    },
  };
}

/** As a host does: the tool says where its view is, and the view what it may load. */
async function readView(client: Client) {
  const { tools } = await client.listTools();
  // as: what our own server says of its tools.
  const ui = tools.find(({ name }) => name === 'run_model')?._meta?.ui as { resourceUri: string } | undefined;
  const { contents } = await client.readResource({ uri: ui?.resourceUri ?? '' });
  const [view] = contents;
  // as: what our own server says of its view.
  const shown = view?._meta?.ui as { csp?: { resourceDomains?: string[] } } | undefined;
  return { html: view !== undefined && 'text' in view ? view.text : '', csp: shown?.csp ?? {} };
}

interface Places {
  browser: Browser;
  hostUrl: string;
  sandboxUrl: string;
  html: string;
}

async function openView(
  { browser, hostUrl, sandboxUrl, html }: Places,
  options: OpenOptions & Pick<ViewSource, 'callServer'>,
): Promise<OpenView> {
  const { theme = 'light', width = 760, capabilities = hostCapabilities, context = {}, callServer } = options;
  const browserContext = await browser.newContext({ viewport: { width, height: 900 }, colorScheme: theme });
  const page = await browserContext.newPage();
  const complaints: string[] = [];
  const origins = new Set<string>();
  page.on('console', (message) => message.type() === 'error' && complaints.push(message.text()));
  page.on('pageerror', (error) => complaints.push(String(error)));
  page.on('dialog', (dialog) => complaints.push(`dialog ${dialog.message()}`) && void dialog.dismiss());
  page.on('request', (request) => origins.add(new URL(request.url()).origin));
  await page.exposeFunction('callServer', async (text: string) => {
    // as: the view's own calls, which the host passes on unread.
    return JSON.stringify(await callServer(JSON.parse(text) as ToolCall));
  });
  await page.goto(hostUrl);
  const mounted = { sandboxUrl, html, capabilities, context: { theme, displayMode: 'inline', ...context } };
  await page.evaluate(`mount(${JSON.stringify(mounted)})`);
  return {
    page,
    view: page.frameLocator('iframe').frameLocator('iframe'),
    complaints,
    origins,
    tell: (method, params) => page.evaluate(`tell(${JSON.stringify(method)}, ${JSON.stringify(params)})`),
    heard: () => page.evaluate('heard'),
    close: () => browserContext.close(),
  };
}

async function serve(html: string, policy?: string): Promise<Server> {
  const headers = {
    'content-type': 'text/html; charset=utf-8',
    ...(policy && { 'content-security-policy': policy }),
  };
  const server = createServer((request, response) => {
    const isPage = request.url === '/';
    response.writeHead(isPage ? 200 : 204, isPage ? headers : {}).end(isPage ? html : undefined);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return server;
}

function urlOf(server: Server): string {
  // as: it listens on a port.
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
}
