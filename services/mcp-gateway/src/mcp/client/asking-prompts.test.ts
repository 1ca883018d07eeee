import { InputRequired, isObject, surfaceOf } from '@inferry/contracts';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { modern, post, rpc, startTestGateway, type TestGateway } from '../../test-gateway.ts';
import { metaKeys } from '../versions.ts';

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
      services.serve(surface.getPrompt, async (_input, { client }) => {
        const answer = client?.responses.about;
        if (!isObject(answer)) throw new InputRequired({ about: request }, 'asked');
        const text = `About ${String(answer.value)} (${client?.state})`;
        return { messages: [{ role: 'user', content: { type: 'text', text } }] };
      });
    },
  });
});
afterEach(() => gateway.close());

test('a prompt asks its client as a tool does', async () => {
  const ask = async (params: object) => {
    const meta = { [metaKeys.clientCapabilities]: { elicitation: {} } };
    const { body, headers } = modern('prompts/get', { name: 'ask', ...params }, meta);
    return (await post(gateway.url, body, headers)).json.result;
  };

  const asked = await ask({});
  const done = await ask({ inputResponses: { about: { value: 'cats' } }, requestState: asked.requestState });

  expect(asked).toMatchObject({ resultType: 'input_required', inputRequests: { about: request } });
  expect(done).toMatchObject({
    resultType: 'complete',
    messages: [{ content: { text: 'About cats (asked)' } }],
  });
});

test.each(['resources/subscribe', 'resources/unsubscribe'])('legacy clients may send %s', async (method) => {
  const known = await post(gateway.url, rpc(method, { uri: 'test://x' }));
  const unknown = await post(gateway.url, rpc(method, { uri: 'nobody://x' }));
  const malformed = await post(gateway.url, rpc(method, {}));

  expect(known.json.result).toEqual({});
  expect([unknown.json.error.code, malformed.json.error.code]).toEqual([-32_002, -32_602]);
});
