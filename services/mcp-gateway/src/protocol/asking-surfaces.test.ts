import type { ClientSide } from '@inferry/bus';
import { InputRequired, isObject, surfaceOf } from '@inferry/contracts';
import { metaKeys } from '@inferry/mcp';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { modern, post, rpc, startTestGateway, type TestGateway } from '../test-gateway.ts';

const request = { method: 'elicitation/create', params: { message: 'What about?' } } as const;
const surface = surfaceOf('asking');

let gateway: TestGateway;
beforeEach(async () => {
  gateway = await startTestGateway({
    env: { MCP_SURFACES: 'asking' },
    serve(services) {
      services.serve(surface.describe, async () => ({
        version: '1',
        description: { scope: 'mcp', prompts: [{ name: 'ask' }], templates: [], uri_prefixes: ['test://'] },
      }));
      const askFor = (client: ClientSide | undefined) => {
        const answer = client?.responses.about;
        if (!isObject(answer)) throw new InputRequired({ about: request }, 'asked');
        return `About ${String(answer.value)} (${client?.state})`;
      };
      services.serve(surface.getPrompt, async (_input, { client }) => ({
        messages: [{ role: 'user', content: { type: 'text', text: askFor(client) } }],
      }));
      services.serve(surface.readResource, async ({ uri }, { client }) => ({
        contents: [{ uri, text: askFor(client) }],
        ttl_ms: 1_000,
      }));
    },
  });
});
afterEach(() => gateway.close());

test.each([
  {
    method: 'prompts/get',
    what: { name: 'ask' },
    said: { messages: [{ content: { text: 'About cats (asked)' } }] },
  },
  {
    method: 'resources/read',
    what: { uri: 'test://x' },
    said: { contents: [{ text: 'About cats (asked)' }] },
  },
])('$method asks its client as a tool does', async ({ method, what, said }) => {
  const ask = async (params: object) => {
    const meta = { [metaKeys.clientCapabilities]: { elicitation: {} } };
    const { body, headers } = modern(method, { ...what, ...params }, meta);
    const named = { ...headers, 'mcp-name': Object.values(what).join() };
    return (await post(gateway.url, body, named)).json.result;
  };

  const asked = await ask({});
  const done = await ask({ inputResponses: { about: { value: 'cats' } }, requestState: asked.requestState });

  expect(asked).toMatchObject({ resultType: 'input_required', inputRequests: { about: request } });
  // Only what is complete may be kept by a cache.
  expect(asked).not.toHaveProperty('ttlMs');
  expect(done).toMatchObject({ resultType: 'complete', ...said });
});

test('the answers for one resource are not taken for another', async () => {
  const meta = { [metaKeys.clientCapabilities]: { elicitation: {} } };
  const read = async (uri: string, more: object = {}) => {
    const { body, headers } = modern('resources/read', { uri, ...more }, meta);
    return (await post(gateway.url, body, { ...headers, 'mcp-name': uri })).json;
  };

  const { requestState } = (await read('test://x')).result;
  const stolen = await read('test://y', { inputResponses: { about: { value: 'cats' } }, requestState });

  expect(stolen.error).toMatchObject({ code: -32_602, data: { code: 'validation_failed' } });
});

test.each(['resources/subscribe', 'resources/unsubscribe'])('legacy clients may send %s', async (method) => {
  const known = await post(gateway.url, rpc(method, { uri: 'test://x' }));
  const unknown = await post(gateway.url, rpc(method, { uri: 'nobody://x' }));
  const malformed = await post(gateway.url, rpc(method, {}));

  expect(known.json.result).toEqual({});
  expect([unknown.json.error.code, malformed.json.error.code]).toEqual([-32_002, -32_602]);
});
