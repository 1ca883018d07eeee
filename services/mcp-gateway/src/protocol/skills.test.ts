import type { OfferedSkill } from '@inferry/contracts';
import { serveTestSurface, type TestSurface } from '@inferry/mcp/testing';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { modern, post, rpc, startTestGateway, type TestGateway } from '../test-gateway.ts';

let gateway: TestGateway;
let one: TestSurface;
beforeEach(async () => {
  gateway = await startTestGateway({
    env: { MCP_SURFACES: 'one,two' },
    serve(services) {
      one = serveTestSurface(services, { service: 'one' });
      one.skills = [skillOf('first', ['SKILL.md', 'refs/a.md', 'refs/deep/b.md'])];
      const two = serveTestSurface(services, { service: 'two', prefix: 'other://', scope: 'runs:read' });
      two.skills = [skillOf('second', ['SKILL.md']), skillOf('first', ['SKILL.md'])];
    },
  });
});
afterEach(() => gateway.close());

function skillOf(name: string, paths: readonly string[]): OfferedSkill {
  const root = `test://skills/${name}`;
  const digest = `sha256:${'0'.repeat(64)}`;
  return {
    uri: `${root}/SKILL.md`,
    frontmatter: { name, description: `Does ${name}.`, license: 'MIT' },
    resources: paths.map((path) => ({ uri: `${root}/${path}`, digest, size: 3, mimeType: 'text/markdown' })),
  };
}

async function ask(method: string, params: Record<string, unknown> = {}) {
  const { body, headers } = modern(method, params);
  return (await post(gateway.url, body, headers)).json;
}

async function askLegacy(method: string, params: Record<string, unknown> = {}) {
  return (await post(gateway.url, rpc(method, params), { 'mcp-protocol-version': '2025-11-25' })).json;
}

const uri = 'test://skills/first/SKILL.md';

describe.each([
  ['modern', ask],
  ['legacy', askLegacy],
])('skills of the services (%s)', (_era, send) => {
  test('are listed with their files, a URI of two services once, and how long to keep them', async () => {
    const { result } = await send('skills/list');

    expect(result).toMatchObject({ ttlMs: 300_000, cacheScope: 'private' });
    expect(result.skills.map((skill: OfferedSkill) => skill.uri)).toEqual([
      uri,
      'test://skills/second/SKILL.md',
    ]);
    expect(result.skills[0].frontmatter).toEqual({
      name: 'first',
      description: 'Does first.',
      license: 'MIT',
    });
    expect(Object.keys(result.skills[0].resources[0])).toEqual(['uri', 'digest', 'size']);
  });

  test('are got one at a time as they are listed', async () => {
    const { result: list } = await send('skills/list');

    const { result } = await send('skills/get', { uri });

    expect(result.skill).toEqual(list.skills[0]);
    expect(result).toMatchObject({ ttlMs: 300_000, cacheScope: 'private' });
    expect(result).not.toHaveProperty('nextCursor');
  });

  test.each([
    ['skills/get', 'test://skills/none/SKILL.md'],
    ['skills/get', 'test://skills/first/refs/a.md'],
    ['resources/directory/read', uri],
    ['resources/directory/read', 'test://skills/first/'],
    ['resources/directory/read', 'test://skills'],
  ])('answer -32602 to %s of %s', async (method, unknown) => {
    const { error } = await send(method, { uri: unknown });

    expect(error).toMatchObject({ code: -32_602, data: { code: 'resource_not_found', uri: unknown } });
  });

  test('have folders that list what is directly in them', async () => {
    const root = await send('resources/directory/read', { uri: 'test://skills/first' });
    const refs = await send('resources/directory/read', { uri: 'test://skills/first/refs' });

    const markdown = { mimeType: 'text/markdown', size: 3 };
    const folder = { mimeType: 'inode/directory' };
    expect(root.result.resources).toEqual([
      { uri, name: 'SKILL.md', ...markdown },
      { uri: 'test://skills/first/refs', name: 'refs', ...folder },
    ]);
    expect(refs.result.resources).toEqual([
      { uri: 'test://skills/first/refs/a.md', name: 'a.md', ...markdown },
      { uri: 'test://skills/first/refs/deep', name: 'deep', ...folder },
    ]);
  });
});

test('costs no message to list, once it is known', async () => {
  await ask('skills/list');
  const before = one.asked.length;

  await ask('skills/list');
  await ask('skills/get', { uri });
  await ask('resources/directory/read', { uri: 'test://skills/first' });

  expect(one.asked.length).toBe(before);
});

test('a long list comes in pages that never split a skill', async () => {
  const paths = ['SKILL.md', ...Array.from({ length: 300 }, (_, index) => `refs/${index}.md`)];
  one.skills = Array.from({ length: 20 }, (_, index) => skillOf(`long-${index}`, paths));
  one.change([]);
  const names: string[] = [];
  let cursor: string | undefined;
  let pages = 0;

  await expect.poll(async () => (await ask('skills/list')).result.nextCursor).toBeDefined();
  do {
    const { result } = await ask('skills/list', cursor === undefined ? {} : { cursor });
    names.push(...result.skills.map((skill: OfferedSkill) => skill.frontmatter.name));
    cursor = result.nextCursor;
    pages += 1;
  } while (cursor !== undefined);

  expect(pages).toBeGreaterThan(1);
  expect(new Set(names).size).toBe(names.length);
  expect(names).toHaveLength(22);
});

test('a cursor that was not handed out is refused', async () => {
  const { error } = await ask('skills/list', { cursor: '1.abc' });

  expect(error).toMatchObject({ code: -32_602, data: { code: 'invalid_cursor' } });
});

test('the extension is told of in both eras', async () => {
  const settings = { 'io.modelcontextprotocol/skills': { directoryRead: true } };
  const begin = { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 't', version: '1' } };

  const { result: discovered } = await ask('server/discover');
  const { result: initialized } = await askLegacy('initialize', begin);

  expect(discovered.capabilities.extensions).toMatchObject(settings);
  expect(initialized.capabilities.extensions).toMatchObject(settings);
});
