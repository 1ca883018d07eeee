/** The endpoint over stdio, chunk by chunk. */

import { fileURLToPath } from 'node:url';
import { InputRequired, isObject } from '@inferry/contracts';
import { metaKeys, modernVersion } from '@inferry/mcp';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { askName, routed } from '../protocol/asking.fixture.ts';
import { callOf, rpc, startTestGateway, type TestGateway } from '../test-gateway.ts';
import type { StdioEndpoint } from './stdio-endpoint.ts';

const fixture = fileURLToPath(new URL('../protocol/asking.fixture.ts', import.meta.url));
const request = { method: 'elicitation/create', params: { message: 'Your name?' } } as const;
const envelope = { [metaKeys.protocolVersion]: modernVersion, [metaKeys.clientCapabilities]: {} };

// biome-ignore lint/suspicious/noExplicitAny: tests look into answers of every shape.
type Json = any;

let gateway: TestGateway;
let endpoint: StdioEndpoint;
let isFull: boolean;
let lines: Json[];

beforeEach(async () => {
  gateway = await startTestGateway({
    env: { INFERRY_EXTRA_TOOLS: fixture },
    serve(services) {
      services.serve(askName, async (_input, { client }) => {
        const answer = client?.responses.name;
        if (!isObject(answer)) throw new InputRequired({ name: request }, 'asked');
        return { said: `Hello, ${String(answer.value)}` };
      });
      services.serve(routed, async () => ({ said: 'routed' }));
    },
  });
  isFull = false;
  lines = [];
  endpoint = gateway.service.openStdio('inferry', {
    get isFull() {
      return isFull;
    },
    write: (line) => lines.push(JSON.parse(line)),
  });
});
afterEach(() => gateway.close());

const bytes = (...messages: unknown[]) =>
  Buffer.from(messages.map((message) => `${JSON.stringify(message)}\n`).join(''));
const send = (...messages: unknown[]) => endpoint.take(bytes(...messages));
const begin = (version: string, capabilities: object = {}) =>
  send(rpc('initialize', { protocolVersion: version, capabilities, clientInfo: { name: 'test' } }, 'begin'));
const found = (isIt: (line: Json) => boolean) =>
  vi.waitFor(
    () => {
      const line = lines.find(isIt);
      expect(line).toBeDefined();
      return line;
    },
    { timeout: 10_000 },
  );
const answer = (id: unknown) => found((line) => line.id === id && line.method === undefined);

describe('lines over stdio', () => {
  it('are put together from chunks that end anywhere', async () => {
    const text = bytes(rpc('ping', {}, 'ü1'), rpc('ping', {}, 'ü2'), rpc('ping', {}, 'ü3'));
    for (const byte of text.subarray(0, 60)) endpoint.take(Buffer.from([byte]));
    endpoint.take(text.subarray(60));

    expect(lines.map(({ id, result }) => [id, result])).toEqual([
      ['ü1', {}],
      ['ü2', {}],
      ['ü3', {}],
    ]);
  });

  it('take a byte order mark and Windows line ends, and empty lines are nothing', () => {
    endpoint.take(Buffer.from(`\ufeff${JSON.stringify(rpc('ping', {}, 1))}\r\n\r\n\n`));

    expect(lines).toEqual([{ jsonrpc: '2.0', id: 1, result: {} }]);
  });

  it.each([
    ['first', (fill: string) => `{"jsonrpc":"2.0","id":7,"method":"ping","params":{"x":"${fill}"}}`, 7],
    [
      'last',
      (fill: string) => `{"method":"ping","params":{"x":"${fill}"},"jsonrpc":"2.0","id":"a-7"}`,
      'a-7',
    ],
    ['nowhere', (fill: string) => `{"method":"ping","params":{"id":7,"x":"${fill}"}}`, null],
  ])(
    'that are too long are refused by their id, which stands %s, and the next one is read',
    (_where, write, id) => {
      const text = Buffer.from(`${write('x'.repeat(1_200_000))}\n${JSON.stringify(rpc('ping', {}, 8))}\n`);
      for (let at = 0; at < text.length; at += 65_536) endpoint.take(text.subarray(at, at + 65_536));

      expect(lines).toMatchObject([
        { id, error: { data: { code: 'body_too_large' } } },
        { id: 8, result: {} },
      ]);
    },
  );

  it('that are no message are told why', () => {
    endpoint.take(Buffer.from([0x22, 0xff, 0xfe, 0x22, 0x0a]));
    endpoint.take(Buffer.from('{"jsonrpc":\n'));
    send({ id: 1, method: 'ping' }, { jsonrpc: '2.0', id: {}, method: 'ping' });
    endpoint.take(Buffer.from(`${'['.repeat(100)}\n`));

    expect(lines.map(({ id, error }) => [id, error.code])).toEqual([
      [null, -32_700],
      [null, -32_700],
      [null, -32_600],
      [null, -32_600],
      [null, -32_600],
    ]);
  });

  it('say nothing to notifications and to answers of nothing', () => {
    send({ jsonrpc: '2.0', method: 'notifications/initialized' }, { jsonrpc: '2.0', method: 'nonsense' });
    send({ jsonrpc: '2.0', id: 5, result: {} });
    send({ jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: 5 } });

    expect(lines).toEqual([]);
  });
});

describe('eras over stdio', () => {
  it('go by each request, without the headers that HTTP has', async () => {
    begin('2025-11-25');
    send(rpc('server/discover', { _meta: envelope }, 'modern'), rpc('ping', {}, 'legacy'));
    send(callOf('routed', { region: 'eu', size: 2 }, envelope));
    send(rpc('tools/list', { _meta: { ...envelope, [metaKeys.protocolVersion]: '2031-01-01' } }, 'later'));

    expect((await answer('modern')).result.resultType).toBe('complete');
    expect((await answer('legacy')).result).toEqual({});
    expect((await answer(1)).result.content[0].text).toBe('routed');
    expect((await answer('later')).error.data.supported).toEqual([modernVersion]);
  });

  it('take batches in the one revision that has them', async () => {
    begin('2025-11-25');
    send([rpc('ping', {}, 1)]);
    expect(lines.at(-1)).toMatchObject({ id: null, error: { code: -32_600 } });

    begin('2025-03-26');
    send([rpc('ping', {}, 1), callOf('routed')]);
    const both = await found(Array.isArray);
    expect(both.map(({ id }: Json) => id)).toEqual([1, 1]);
    send([{ jsonrpc: '2.0', method: 'notifications/initialized' }], []);
    expect(lines.at(-1)).toMatchObject({ id: null, error: { code: -32_600 } });
  });
});

describe('a question to the client over stdio', () => {
  it('leaves on the stream, and its answer comes back on the other', async () => {
    begin('2025-11-25', { elicitation: {} });
    send(callOf('ask_name'));

    const asked = await found(({ method }) => method === 'elicitation/create');
    send({ jsonrpc: '2.0', id: asked.id, result: { value: 'Ada' } });

    expect((await answer(1)).result.content[0].text).toBe('Hello, Ada');
  });

  it('is not asked of a client that cannot answer', async () => {
    begin('2025-11-25');
    send(callOf('ask_name'));

    expect((await answer(1)).result.isError).toBe(true);
    expect(lines.filter(({ method }) => method === 'elicitation/create')).toEqual([]);
  });

  it('ends with the call, which is not answered once it is cancelled', async () => {
    begin('2025-11-25', { elicitation: {} });
    send(callOf('ask_name'));
    await found(({ method }) => method === 'elicitation/create');

    send({ jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: 1 } });
    // Only calls that are open are waited for.
    await gateway.service.drain(60_000);

    expect(lines.filter(({ id }) => id === 1)).toEqual([]);
  });

  it('fails where the client does not read', async () => {
    begin('2025-11-25', { elicitation: {} });
    isFull = true;
    send(callOf('ask_name'));

    expect((await answer(1)).result.structuredContent.error.code).toBe('client_input_missing');
  });
});
