import { readFileSync } from 'node:fs';
import { type Bus, createBus, createInProcessTransport } from '@inferry/bus';
import { type AnyTool, AppError, localPrincipal, openCredential, Secret } from '@inferry/contracts';
import { purposes } from '@inferry/credentials';
import { createInProcessLimits, type Limits } from '@inferry/limits';
import { profileOf } from '@inferry/profiles';
import type { ControlPlane } from '@inferry/providers';
import { sealText } from '@inferry/seals';
import { encode } from 'gpt-tokenizer/encoding/o200k_base';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createComputeService } from '../service.ts';

type OwnCall = Parameters<NonNullable<ControlPlane['call']>>[0];

let bus: Bus;
let auth: Bus;
let service: ReturnType<typeof createComputeService>;
let calls: { call: OwnCall; key: string | undefined }[];
let answer: () => { body: unknown; isError?: boolean; cause?: AppError };
let gateway: Bus;
let limits: Limits;

const unused = () => Promise.reject(new Error('not asked for'));
const plane: ControlPlane = {
  slug: 'runpod',
  title: 'Runpod',
  needsKey: true,
  resources: {},
  ...{ list: unused, get: unused, quote: unused, create: unused, update: unused },
  ...{ act: unused, remove: unused, logs: unused },
  async call(call, { credential }) {
    calls.push({ call, key: credential?.reveal() });
    return answer();
  },
  close: async () => undefined,
};

beforeEach(() => {
  const transport = createInProcessTransport();
  auth = createBus(transport, { name: 'auth' });
  bus = createBus(transport, { name: 'compute' });
  gateway = createBus(transport, { name: 'mcp-gateway' });
  calls = [];
  answer = () => ({ body: { id: 'p1' } });
  auth.serve(openCredential, async ({ provider, public_key: publicKey }) => ({
    credential: {
      connection_id: 'c1',
      sealed: sealText(new Secret('rpa_1'), publicKey, purposes.credential(provider, 'c1')),
      expires_in_seconds: 60,
    },
  }));
  limits = createInProcessLimits();
  service = createComputeService({ bus, limits, log: console as never }, { planes: [plane] });
});

afterEach(async () => {
  await service.close();
  await Promise.all([gateway.close(), bus.close(), auth.close(), limits.close()]);
});

function toolOf(key: string, name: string): AnyTool {
  const tool = profileOf(key)?.tools.find((one) => one.name === name);
  if (tool === undefined) throw new Error(`no ${key}/${name}`);
  return tool;
}

async function call(key: string, name: string, args: unknown) {
  const client = { capabilities: {}, responses: {}, agent: 'a client/1.0' };
  const text = await gateway.callTool(toolOf(key, name), args, { principal: localPrincipal, client });
  return JSON.parse(text) as { content: { text: string }[]; isError?: boolean; structuredContent?: unknown };
}

interface Observed {
  id: string;
  tool: string;
  edition?: string;
  args: unknown;
  asks?: unknown;
  json?: number;
  fails?: boolean;
}

const facts = new URL(
  '../../../../libs/providers/src/runpod/control/observed-calls.generated.json',
  import.meta.url,
);
const { vectors }: { vectors: Observed[] } = JSON.parse(readFileSync(facts, 'utf8'));

describe('a call by the platform’s own name', () => {
  it('goes with the key of whoever calls, and says who that is [RP-26][RP-27]', async () => {
    const { content, isError, structuredContent } = await call('runpod', 'get-pod', { podId: 'p1' });

    expect(calls).toMatchObject([
      { key: 'rpa_1', call: { name: 'get-pod', edition: '3.4.0', args: { podId: 'p1' } } },
    ]);
    expect(calls[0]?.call.caller).toMatchObject({ name: 'a client/1.0', transport: 'http' });
    expect(content).toEqual([{ type: 'text', text: '{"id":"p1"}' }]);
    expect([isError, structuredContent]).toEqual([undefined, undefined]);
  });

  it('says that it came over stdio, and of which client [RP-82][RP-66]', async () => {
    const client = { capabilities: {}, responses: {}, agent: 'a client', agentVersion: '1.2' };
    const tool = toolOf('runpod', 'list-pods');

    await gateway.callTool(tool, {}, { principal: localPrincipal, client: { ...client, isOverStdio: true } });

    expect(calls[0]?.call.caller).toEqual({ name: 'a client', version: '1.2', transport: 'stdio' });
  });

  it('that is refused in the platform’s words is an error with those words', async () => {
    answer = () => ({ body: { error: 'no name', status: 400 }, isError: true });

    const { content, isError } = await call('runpod', 'create-pod', { imageName: 'i' });

    expect(isError).toBe(true);
    expect(JSON.parse(content[0]?.text ?? '')).toEqual({ error: 'no name', status: 400 });
  });

  it('that is refused in the platform’s words has a code and what to do next for programs', async () => {
    const body = { error: 'The stream broke off', stream: [{ output: 'a' }] };
    const cause = new AppError('rate_limited', 'Too many calls.', { nextAction: 'Wait 5 s.' });
    answer = () => ({ body, isError: true, cause });

    const { content, isError, structuredContent } = await call('runpod', 'stream-job', {
      ...{ endpointId: 'e', jobId: 'j' },
    });

    expect(isError).toBe(true);
    expect(JSON.parse(content[0]?.text ?? '')).toEqual(body);
    expect(structuredContent).toEqual({
      stream: body.stream,
      error: expect.objectContaining({ code: 'rate_limited', next_action: 'Wait 5 s.' }),
    });
  });

  it('that fails is an error that names the status', async () => {
    answer = () => {
      throw new AppError('not_found', 'Runpod has nothing of this id.', { upstreamStatus: 404 });
    };

    const { content, isError } = await call('runpod', 'get-pod', { podId: 'nope' });

    expect(isError).toBe(true);
    expect(content[0]?.text).toContain('[not_found] Runpod has nothing of this id. (HTTP 404)');
  });

  it('keeps an empty text, which clears a field, and takes null for nothing', async () => {
    await call('runpod', 'create-pod', {
      templateId: 't',
      containerRegistryAuthId: '',
      name: null,
      bogus: 1,
    });

    expect(calls[0]?.call.args).toEqual({ templateId: 't', containerRegistryAuthId: '' });
  });

  it('of edition 4 goes with its arguments as they are, and those that there are', async () => {
    await call('runpod-4', 'update-pod', { id: 'p', body: { name: 'n' } });

    expect(calls[0]?.call).toMatchObject({
      edition: '4.0.0',
      args: { id: 'p', body: { name: 'n' } },
      accepted: ['id', 'body'],
      required: ['id', 'body'],
    });
  });

  const wrong = vectors.filter(
    ({ edition, tool, fails, asks, json }) =>
      edition === undefined && tool !== 'no-such-tool' && fails && asks === undefined && json === undefined,
  );
  it.each(wrong.map(({ id, tool, args }) => [`${id} ${tool}`, tool, args] as const))(
    'with arguments that the schema refuses reaches nobody (%s)',
    async (_, tool, args) => {
      const { isError } = await call('runpod', tool, args);

      expect(isError).toBe(true);
      expect(calls).toEqual([]);
    },
  );
});

describe('the lists of Runpod’s tools', () => {
  const names = (edition: string | undefined) => {
    const known = vectors.filter((one) => one.edition === edition && one.tool !== 'no-such-tool');
    return [...new Set(known.map(({ tool }) => tool))];
  };

  it.each([
    ['runpod', undefined, 54, 6_000],
    // A third of the 27,341 that the list of Runpod's own server takes, counted alike (`npm run bench -- infra`).
    ['runpod-4', '4.0.0', 68, 9_113],
  ] as const)('%s has every tool, at a third of the tokens [RP-81]', (...[key, edition, count, most]) => {
    const tools = profileOf(key)?.tools ?? [];
    const listed = tools.map(({ name, description, inputSchema }) =>
      JSON.stringify({ name, description, inputSchema }),
    );

    expect(names(edition).filter((name) => !tools.some((tool) => tool.name === name))).toEqual([]);
    expect(tools).toHaveLength(count);
    expect(listed.reduce((sum, text) => sum + encode(text).length, 0)).toBeLessThan(most);
  });
});
