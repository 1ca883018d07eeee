import { describe, expect, test } from 'vitest';
import { type McpHeaders, readBatchEra, readEra } from './era.ts';
import { isRefusal, readMessage } from './json-rpc.ts';
import { metaKeys, modernVersion } from './versions.ts';

const envelope = { [metaKeys.protocolVersion]: modernVersion, [metaKeys.clientCapabilities]: {} };
const call = { method: 'tools/call', params: { name: 'get_run', _meta: envelope } };
const callHeaders: McpHeaders = { version: modernVersion, method: 'tools/call', name: 'get_run' };

function eraOf(body: object, headers: Partial<McpHeaders> = {}): unknown {
  const message = readMessage({ jsonrpc: '2.0', id: 1, ...body });
  if (isRefusal(message)) throw new Error('the test sent no message');
  const spoken = readEra(message, { version: undefined, method: undefined, name: undefined, ...headers });
  return isRefusal(spoken) ? { code: spoken.code, data: spoken.data } : spoken;
}

function metaWithout(key: string): object {
  return { method: 'tools/list', params: { _meta: { ...envelope, [key]: undefined } } };
}

describe('the legacy era', () => {
  test('is that of a request without an envelope, at 2025-03-26 when no header names a version', () => {
    const spoken = eraOf({ method: 'tools/list' });

    expect(spoken).toEqual({ era: 'legacy', version: '2025-03-26' });
  });

  test('takes the version from the header', () => {
    const spoken = eraOf({ method: 'tools/list' }, { version: ' 2025-06-18 ' });

    expect(spoken).toEqual({ era: 'legacy', version: '2025-06-18' });
  });

  test('answers a version that nobody serves with -32022', () => {
    const spoken = eraOf({ method: 'tools/list' }, { version: '1999-01-01' });

    expect(spoken).toMatchObject({
      code: -32_022,
      data: { code: 'unsupported_protocol_version', requested: '1999-01-01' },
    });
  });

  test('has batches at 2025-03-26 alone', () => {
    const none = { version: undefined, method: undefined, name: undefined };

    const [assumed, later] = [readBatchEra(none), readBatchEra({ ...none, version: '2025-06-18' })];

    expect(assumed).toEqual({ era: 'legacy', version: '2025-03-26' });
    expect(later).toMatchObject({ code: -32_600 });
  });
});

describe('the modern era', () => {
  test('is that of a request whose envelope and headers name it', () => {
    const spoken = eraOf(call, callHeaders);

    expect(spoken).toEqual({ era: 'modern', version: modernVersion });
  });

  test.each([
    ['the version header is missing', { ...callHeaders, version: undefined }],
    ['the version header names another version', { ...callHeaders, version: '2025-11-25' }],
    ['Mcp-Method is missing', { ...callHeaders, method: undefined }],
    ['Mcp-Method names another method', { ...callHeaders, method: 'tools/list' }],
    ['Mcp-Method differs in case', { ...callHeaders, method: 'Tools/Call' }],
    ['Mcp-Name is missing', { ...callHeaders, name: undefined }],
    ['Mcp-Name names another tool', { ...callHeaders, name: 'run_model' }],
    ['Mcp-Name is broken base64', { ...callHeaders, name: '=?base64?@@@?=' }],
  ])('answers -32020 when %s', (_case, headers) => {
    const spoken = eraOf(call, headers);

    expect(spoken).toMatchObject({ code: -32_020, data: { code: 'header_mismatch' } });
  });

  test('decodes Mcp-Name and drops blanks around it before comparing', () => {
    const encoded = ` =?base64?${Buffer.from('get_run').toString('base64')}?= `;

    const spoken = eraOf(call, { ...callHeaders, name: encoded });

    expect(spoken).toMatchObject({ era: 'modern' });
  });

  test('answers a version in the envelope that is not served with -32022 and what is', () => {
    const params = { _meta: { ...envelope, [metaKeys.protocolVersion]: '2027-01-01' } };

    const spoken = eraOf({ method: 'tools/list', params }, { version: '2027-01-01', method: 'tools/list' });

    expect(spoken).toMatchObject({
      code: -32_022,
      data: { supported: [modernVersion], requested: '2027-01-01' },
    });
  });

  test.each([metaKeys.clientCapabilities])('answers -32602 without %s', (key) => {
    const spoken = eraOf(metaWithout(key), { version: modernVersion, method: 'tools/list' });

    expect(spoken).toMatchObject({ code: -32_602 });
  });

  test('answers -32602 when only the header names it', () => {
    const spoken = eraOf({ method: 'tools/list' }, { version: modernVersion, method: 'tools/list' });

    expect(spoken).toMatchObject({ code: -32_602 });
  });

  test('does not need the client to name itself', () => {
    const spoken = eraOf(
      { method: 'tools/list', params: { _meta: envelope } },
      { version: modernVersion, method: 'tools/list' },
    );

    expect(spoken).toMatchObject({ era: 'modern' });
  });

  test('refuses an initialize that is sent with its header', () => {
    const spoken = eraOf({ method: 'initialize' }, { version: modernVersion });

    expect(spoken).toMatchObject({ code: -32_020 });
  });
});

test.each([
  ['no version', { method: 'ping', id: 1 }],
  ['an id that is null', { jsonrpc: '2.0', method: 'ping', id: null }],
  ['params that are a list', { jsonrpc: '2.0', method: 'ping', id: 1, params: [] }],
  ['no method', { jsonrpc: '2.0', id: 1 }],
  ['a value that is no object', 'ping'],
])('a message with %s is an invalid request', (_case, value) => {
  const message = readMessage(value);

  expect(message).toMatchObject({ isRefusal: true, code: -32_600 });
});
