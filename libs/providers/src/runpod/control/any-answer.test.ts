/** Every tool of both editions and versions before answers of every kind: what is no answer is never believed, and no key comes back. */
import { readFileSync } from 'node:fs';
import { isObject } from '@inferry/contracts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { closeStub, type Observed, openStub, run, seen, shared } from './observed-calls.fixture.ts';

beforeAll(openStub);
afterAll(closeStub);

interface Schema {
  type?: string;
  enum?: unknown[];
  minimum?: number;
  items?: Schema;
}

const schemasFile = new URL(
  '../../../../profiles/src/runpod/observed-schemas.generated.json',
  import.meta.url,
);
const schemas: Record<
  string,
  Record<string, { properties: Record<string, Schema>; required?: string[] }>
> = JSON.parse(readFileSync(schemasFile, 'utf8'));

/** What a call needs that its schema does not say. */
const needed: Readonly<Record<string, object>> = {
  '3.4.0 create-pod': { name: 'n', imageName: 'i', gpuTypeIds: ['X'] },
  '3.4.0 create-endpoint': { name: 'n', imageName: 'i', gpuPoolIds: ['X'], templateId: undefined },
  '3.4.0 set-endpoint-gpus': { pools: ['X'] },
  '4.0.0 set-endpoint-gpus': { pools: ['X'] },
  '3.4.0 deploy-hub-repo': { repo: 'o/n', gpuIds: 'X' },
  '4.0.0 deploy-hub-repo': { repo: 'o/n', gpuIds: 'X' },
};

function valueFor(name: string, schema: Schema): unknown {
  if (schema.enum !== undefined) return schema.enum[0];
  if (schema.type === 'integer' || schema.type === 'number') return Math.max(schema.minimum ?? 1, 1);
  if (schema.type === 'array') return [valueFor(name, schema.items ?? {})];
  if (schema.type === 'object' || ['body', 'env', 'input'].includes(name)) return { name: 'x' };
  return schema.type === 'boolean' ? true : 'x1';
}

const tools = [
  ['runpod', '3.4.0', 'v1'],
  ['runpod', '3.4.0', 'v2'],
  ['runpod-4', '4.0.0', 'v2'],
].flatMap(([profile = '', edition = '', rest = '']) =>
  Object.entries(schemas[profile] ?? {}).map(([tool, { properties, required = [] }]) => {
    const own = Object.fromEntries(required.map((name) => [name, valueFor(name, properties[name] ?? {})]));
    const args = { ...own, ...needed[`${edition} ${tool}`] };
    return { title: `${tool} of edition ${edition} (${rest})`, edition, rest, tool, args };
  }),
);

const json = { 'content-type': 'application/json' };
const html = { 'content-type': 'text/html' };
const page = '<html><body>gone: rpa_key</body></html>';

async function outcomeOf(
  { tool, edition, rest, args }: (typeof tools)[number],
  [status, headers, body]: readonly [number, Record<string, string>, unknown],
) {
  shared.push(body);
  const reply = [status, headers, shared.length - 1] as const;
  // More than any of them asks for.
  const replies = Array.from({ length: 6 }, () => [...reply]);
  // as: what is seen of a call is made up here.
  const told = { id: 'own', on: 'h', tool, edition, rest, args, replies } as unknown as Observed;
  const { body: shown, error, isError } = await run(told, 'http');
  const { message, nextAction, details } = error ?? {};
  return { isError, text: JSON.stringify([shown, message, nextAction, details]), error, shown };
}

/** Those that send nothing say so themselves, whatever would have come. */
const wasAsked = () => seen.length > 0;

describe.each(tools)('$title', (called) => {
  it('takes no page, number or broken text with status 200 for an answer', async () => {
    const bodies = [page, '7', '"ok"', '{"pods":[{"id"'];
    for (const body of bodies) {
      const { isError } = await outcomeOf(called, [200, body === page ? html : json, body]);

      expect([body, isError]).toEqual([body, true]);
    }
  });

  it('says that it failed where it was refused, redirected or met an outage, and shows no key and no page', async () => {
    const replies = [
      [400, json, { title: 'Bad', status: 400, detail: 'the key rpa_key is none', errors: ['rpa_key'] }],
      [401, json, { error: 'rpa_key' }],
      [403, html, page],
      [302, { location: 'https://elsewhere.example/' }, ''],
      [402, json, { error: 'no money' }],
      [404, {}, ''],
      [409, json, { error: { message: 'nested rpa_key' } }],
      [422, json, { detail: [{ loc: ['body'], msg: 'm' }] }],
      [429, { ...json, 'retry-after': '100' }, {}],
      [500, json, 'null'],
    ] as const;
    for (const reply of replies) {
      const { isError, text, error, shown } = await outcomeOf(called, reply);

      expect([reply[0], isError]).toEqual([reply[0], true]);
      expect(text).not.toMatch(/rpa_key|<html/);
      // In the platform's own words, or as what its status means.
      const { error: said, title, detail, hint } = isObject(shown) ? shown : {};
      if (wasAsked()) expect(error?.upstreamStatus ?? said ?? title ?? detail ?? hint).toBeTruthy();
    }
  });
});

it('keeps what nobody saw before: other fields, other words, nulls, and none of what may be missing', async () => {
  const odd = { id: 'p1', status: 'LEVITATING', colour: { deep: [1, null] }, env: null, gpu: null };
  const reads = tools.filter(({ tool }) =>
    ['get-pod', 'get-endpoint', 'get-template', 'get-network-volume', 'get-cluster'].includes(tool),
  );

  for (const read of reads) {
    const { shown, isError } = await outcomeOf(read, [200, json, odd]);

    expect([read.title, isError, shown]).toEqual([read.title, false, odd]);
  }
});

it('takes the key out of what succeeds as well', async () => {
  const [read] = tools.filter(({ tool, edition }) => tool === 'get-pod' && edition === '4.0.0');
  if (read === undefined) throw new Error('there is no get-pod any more');

  const { shown } = await outcomeOf(read, [200, json, { id: 'p1', env: { KEY: 'rpa_key', rpa_key: 'x' } }]);

  expect(shown).toEqual({ id: 'p1', env: { KEY: '[secret]', '[secret]': 'x' } });
});

const odd = ['a/b', 'a%2Fb', 'a?b#c', 'a b', 'ü', '🙂', 'a&b=c', "a'b", '%', 'a;b', '.hidden', '...'];

it.each(odd)('keeps an id in its segment of the path, whatever it is: %j', async (id) => {
  const reads = [
    ...(['v1', 'v2'] as const).map((rest) => ({
      edition: '3.4.0',
      rest,
      tool: 'get-pod',
      args: { podId: id },
    })),
    { edition: '3.4.0', rest: 'v2', tool: 'delete-template', args: { templateId: id } },
    { edition: '4.0.0', rest: 'v2', tool: 'get-pod', args: { id } },
    { edition: '4.0.0', rest: 'v2', tool: 'get-endpoint-build', args: { id: 'e', buildId: id } },
  ];
  for (const read of reads) {
    await outcomeOf({ title: '', ...read }, [200, json, { id }]);

    expect(seen).toHaveLength(1);
    expect(decodeURIComponent(seen[0]?.url.split('/').at(-1) ?? '')).toBe(id);
    expect(seen[0]?.url).not.toMatch(/[?#]/);
  }
});
