import { runViewUri } from '@inferry/contracts';
import { metaKeys } from '@inferry/mcp';
import { listedByDefault } from '@inferry/profiles';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { modern, post, rpc, startTestGateway, type TestGateway } from '../test-gateway.ts';

let gateway: TestGateway;
beforeEach(async () => {
  gateway = await startTestGateway();
});
afterEach(() => gateway.close());

const mimeTypes = ['text/html;profile=mcp-app'];
const shows = { extensions: { 'io.modelcontextprotocol/ui': { mimeTypes } } };
const showsOther = { extensions: { 'io.modelcontextprotocol/ui': { mimeTypes: ['text/uri-list'] } } };

interface Listed {
  name: string;
  _meta?: { ui: { resourceUri: string } };
}

async function listModern(capabilities: object): Promise<Listed[]> {
  const { body, headers } = modern('tools/list', {}, { [metaKeys.clientCapabilities]: capabilities });
  return (await post(gateway.url, body, headers)).json.result.tools;
}

async function listLegacy(capabilities: object): Promise<Listed[]> {
  const begin = { protocolVersion: '2025-11-25', capabilities, clientInfo: { name: 't', version: '1' } };
  const { headers } = await post(gateway.url, rpc('initialize', begin));
  const session = {
    'mcp-session-id': headers.get('mcp-session-id') ?? '',
    'mcp-protocol-version': '2025-11-25',
  };
  return (await post(gateway.url, rpc('tools/list'), session)).json.result.tools;
}

describe.each([
  ['modern', listModern],
  ['legacy', listLegacy],
])('views of tools (%s)', (_era, list) => {
  test('are told to a client that shows them: where the view of a run is', async () => {
    const withView = (await list(shows)).filter((tool) => tool._meta !== undefined);

    expect(withView.map(({ name }) => name)).toEqual(['run_model', 'get_run']);
    expect(withView.map(({ _meta }) => _meta)).toEqual(
      withView.map(() => ({ ui: { resourceUri: runViewUri } })),
    );
  });

  test.each([
    ['nothing of them', {}],
    ['views of another kind', showsOther],
  ])('are kept from a client that declares %s', async (_what, capabilities) => {
    const listed = await list(capabilities);

    expect(listed).toHaveLength(listedByDefault.length);
    expect(listed.filter((tool) => tool._meta !== undefined)).toEqual([]);
  });
});

test('the extension is told of in both eras', async () => {
  const { body, headers } = modern('server/discover');
  const begin = { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 't', version: '1' } };

  const discovered = (await post(gateway.url, body, headers)).json.result;
  const initialized = (await post(gateway.url, rpc('initialize', begin))).json.result;

  expect(discovered.capabilities.extensions).toHaveProperty(['io.modelcontextprotocol/ui']);
  expect(initialized.capabilities.extensions).toHaveProperty(['io.modelcontextprotocol/ui']);
});
