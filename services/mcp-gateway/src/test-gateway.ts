import { once } from 'node:events';
import { createConnection, type Socket } from 'node:net';
import {
  type Bus,
  createBus,
  createInProcessTransport,
  type Handler,
  type HandlerContext,
  type Transport,
} from '@inferry/bus';
import { type AnyOperation, type AnyTool, getRun, type JsonObject, type Secret } from '@inferry/contracts';
import { createInProcessLimits, type Limits } from '@inferry/limits';
import { metaKeys, modernVersion } from '@inferry/mcp';
import { createHttpApp, createLogger } from '@inferry/runtime';
import type { FastifyInstance } from 'fastify';
import { parseGatewayConfig } from './config.ts';
import type { StreamTimings } from './http/http-channel.ts';
import { createGatewayService, type GatewayOptions } from './service.ts';

export interface TestGateway {
  app: FastifyInstance;
  url: string;
  port: number;
  /** A bus of its own on the transport that the gateway uses: where tests serve tools. */
  services: Bus;
  service: Awaited<ReturnType<typeof createGatewayService>>;
  transport: Transport;
  limits: Limits;
  close(): Promise<void>;
}

export interface TestGatewayOptions {
  env?: Record<string, string>;
  timings?: Partial<StreamTimings>;
  bodyTimings?: GatewayOptions['bodyTimings'];
  limits?: Limits;
  transport?: Transport;
  /** The same for two gateways that are replicas. */
  sessionSecret?: Secret;
  /** Runs before the gateway starts, so that it finds what it asks for. */
  serve?(services: Bus): void;
}

const quickTimings: Partial<StreamTimings> = { tickMs: 20 };

/** A gateway on a real socket over an in-process bus. Test support, not part of the service. */
export async function startTestGateway(options: TestGatewayOptions = {}): Promise<TestGateway> {
  const transport = options.transport ?? createInProcessTransport();
  const services = createBus(transport, { name: 'test-services' });
  options.serve?.(services);
  const bus = createBus(transport, { name: 'mcp-gateway' });
  const limits = options.limits ?? createInProcessLimits();
  const log = createLogger({ service: 'mcp-gateway', replica: 'test', level: 'silent' });
  const config = parseGatewayConfig({ INFERRY_AUTH: 'none', ...options.env });
  const gatewayOptions: GatewayOptions = {
    timings: { ...quickTimings, ...options.timings },
    bodyTimings: { lingerMs: 300, ...options.bodyTimings },
    ...(options.sessionSecret === undefined ? {} : { sessionSecret: options.sessionSecret }),
  };
  const service = await createGatewayService({ bus, limits, log }, config, gatewayOptions);
  const app = await createHttpApp([service]);
  await app.listen({ host: '127.0.0.1', port: 0 });
  const address = app.server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  return {
    app,
    url: `http://127.0.0.1:${port}/mcp`,
    port,
    services,
    service,
    transport,
    limits,
    async close() {
      app.server.closeAllConnections();
      await app.close();
      await service.close();
      await Promise.all([bus.close(), services.close()]);
    },
  };
}

/** Serves an operation, or a tool with one of its own, with a handler that need not fill in what is called a reply. */
export function serveTool(
  services: Bus,
  served: AnyOperation | AnyTool,
  handler: (input: JsonObject, context: HandlerContext) => Promise<JsonObject>,
): void {
  // as: the contract's own schemas still check what goes in; what comes out is this test's business.
  services.serve(served, handler as Handler<typeof served>);
}

export interface Answer {
  status: number;
  headers: Headers;
  text: string;
  // biome-ignore lint/suspicious/noExplicitAny: tests look into arbitrary answers.
  json: any;
}

/** One POST as curl sends it: no Accept but the one given, the body as it is. */
export async function post(
  url: string,
  body: unknown,
  headers: Record<string, string> = {},
): Promise<Answer> {
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  });
  return toAnswer(response);
}

export async function toAnswer(response: Response): Promise<Answer> {
  const text = await response.text();
  const isJson = response.headers.get('content-type')?.startsWith('application/json') ?? false;
  return {
    status: response.status,
    headers: response.headers,
    text,
    json: isJson ? JSON.parse(text) : undefined,
  };
}

export function rpc(method: string, params?: JsonObject, id: string | number = 1): JsonObject {
  return { jsonrpc: '2.0', id, method, ...(params === undefined ? {} : { params }) };
}

export function callOf(name: string, args: JsonObject = {}, meta?: JsonObject): JsonObject {
  return rpc('tools/call', { name, arguments: args, ...(meta === undefined ? {} : { _meta: meta }) });
}

/** A request of the modern era with the headers that it needs. */
export function modern(
  method: string,
  params: JsonObject = {},
  meta: JsonObject = {},
): { body: JsonObject; headers: Record<string, string> } {
  const envelope = { [metaKeys.protocolVersion]: modernVersion, [metaKeys.clientCapabilities]: {}, ...meta };
  const name = params.name;
  return {
    body: rpc(method, { ...params, _meta: envelope }),
    headers: {
      'mcp-protocol-version': modernVersion,
      'mcp-method': method,
      ...(typeof name === 'string' ? { 'mcp-name': name } : {}),
    },
  };
}

/** The frames of an event stream's text. */
export function framesOf(text: string): JsonObject[] {
  return text
    .split('\n\n')
    .map((frame) => frame.split('\n').find((line) => line.startsWith('data: ')))
    .filter((line) => line !== undefined)
    .map((line) => JSON.parse(line.slice('data: '.length)));
}

/** A client that sends a request and never reads the answer. */
export async function sendWithoutReading(port: number, body: JsonObject): Promise<Socket> {
  const text = JSON.stringify(body);
  const socket = createConnection({ port, host: '127.0.0.1' });
  await once(socket, 'connect');
  socket.pause();
  socket.write(
    `POST /mcp HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nContent-Type: application/json\r\n` +
      `Accept: text/event-stream\r\nContent-Length: ${Buffer.byteLength(text)}\r\n\r\n${text}`,
  );
  return socket;
}

type GetRun = Handler<typeof getRun>;
export type GetRunContext = Parameters<GetRun>[1];

/** A gateway whose `get_run` is answered by `handler`; it is closed with the others of `open`. */
export async function startWithGetRun(
  open: TestGateway[],
  handler: (context: GetRunContext) => ReturnType<GetRun>,
  options: TestGatewayOptions = {},
): Promise<TestGateway> {
  const gateway = await startTestGateway({
    ...options,
    serve: (services) => services.serve(getRun, (_input, context) => handler(context)),
  });
  open.push(gateway);
  return gateway;
}

export const acceptStream = { accept: 'application/json, text/event-stream' };
export const succeeded = { run: { run_id: 'run_1', status: 'succeeded' as const } };

/** A call of `get_run` that asks for progress. */
export const followRun = callOf('get_run', { run_id: 'run_1' }, { progressToken: 'p1' });
