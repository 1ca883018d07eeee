import { createHash } from 'node:crypto';
import { AppError, defineOwnTool, defineRpc, localPrincipal, type Principal } from '@inferry/contracts';
import { afterEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import type { Bus, HandlerContext } from './bus.ts';
import { callHeader } from './call-envelope.ts';
import { createBus } from './create-bus.ts';
import { createInProcessTransport } from './in-process-transport.ts';
import { Statements, statementPublicKey } from './statements.ts';

const ada: Principal = { subject: 'ada', grant_id: 'grant_a', kind: 'oauth', scopes: ['mcp'] };
const run = { id: 'run_1', provider: 'acme' };
const clock = { now: 1_000_000 };
let transport = createInProcessTransport();
const opened: Bus[] = [];

const seedOf = (service: string) => createHash('sha256').update(service).digest();
const signerOf = (service: string, options: { acceptsUnsigned?: boolean; now?: () => number } = {}) =>
  new Statements({
    service,
    seed: seedOf(service),
    publicKeyOf: (name) => (name === 'stranger' ? undefined : statementPublicKey(seedOf(name))),
    now: () => clock.now,
    ...options,
  });

function busOf(service: string, statements: Statements | undefined = signerOf(service)): Bus {
  const bus = createBus(transport, { name: service, statements });
  opened.push(bus);
  return bus;
}

afterEach(async () => {
  clock.now = 1_000_000;
  await Promise.all(opened.splice(0).map((bus) => bus.close()));
  transport = createInProcessTransport();
});

const who = defineRpc({ subject: 'rpc.v1.suite.who', input: z.object({}), output: z.object({}) });
const aboutRun = defineRpc({
  subject: 'rpc.v1.suite.about_run',
  servesRuns: true,
  input: z.object({}),
  output: z.object({}),
});
const tool = defineOwnTool({
  name: 'suite_tool',
  title: 'Tool',
  description: 'Answers.',
  toolset: 'run',
  scope: 'runs:read',
  annotations: { readOnlyHint: true, destructiveHint: false, idempotentHint: true, openWorldHint: false },
  input: z.object({}),
  output: z.object({}),
  present: () => [],
});

/** Serves all three and keeps what the handlers were told. */
function serve(statements?: Statements): HandlerContext[] {
  const seen: HandlerContext[] = [];
  const bus = busOf('upload', statements ?? signerOf('upload'));
  const note = async (_input: unknown, context: HandlerContext) => {
    seen.push(context);
    return {};
  };
  bus.serve(who, note);
  bus.serve(aboutRun, note);
  bus.serve(tool, note);
  return seen;
}

const codeOf = (call: Promise<unknown>) =>
  call.then(
    () => 'answered',
    (error: unknown) => (error instanceof AppError ? error.code : 'another error'),
  );

describe('a call', () => {
  it.each(['mcp-gateway', 'auth'])('is taken for whom %s says', async (service) => {
    const seen = serve();

    await busOf(service).call(who, {}, { principal: ada });

    expect(seen).toMatchObject([{ principal: ada, isService: false, run: undefined }]);
  });

  it.each(['catalog', 'upload', 'inference-poller'])(
    'of %s for a made-up principal is its own',
    async (service) => {
      const seen = serve();

      await busOf(service).call(who, {}, { principal: ada });

      expect(seen).toMatchObject([
        { principal: { subject: `inferry:${service}`, scopes: [] }, isService: true },
      ]);
      expect(await codeOf(busOf(service).callTool(tool, {}, { principal: ada }))).toBe('unauthorized');
    },
  );

  it('goes on with the principal as it came', async () => {
    const seen: Principal[] = [];
    busOf('catalog').serve(who, async (_input, { principal }) => {
      seen.push(principal);
      return {};
    });
    const between = busOf('inference-poller');
    between.serve(tool, async (_input, { principal }) => between.call(who, {}, { principal }));

    await busOf('mcp-gateway').callTool(tool, {}, { principal: ada });

    expect(seen).toEqual([ada]);
  });

  it.each([
    ['no statement', undefined],
    ['a statement of somebody unknown', signerOf('stranger')],
    [
      'a key that is not that of its name',
      new Statements({
        service: 'mcp-gateway',
        seed: seedOf('other'),
        publicKeyOf: () => undefined,
        now: () => clock.now,
      }),
    ],
  ])('with %s is refused before a handler sees it', async (_case, statements) => {
    const seen = serve();
    const stranger = createBus(transport, { name: 'stranger', statements });
    opened.push(stranger);

    const codes = await Promise.all([
      codeOf(stranger.call(who, {}, { principal: ada })),
      codeOf(stranger.call(aboutRun, {}, { principal: ada })),
      codeOf(stranger.callTool(tool, {}, { principal: ada })),
    ]);

    expect(codes).toEqual(['unauthorized', 'unauthorized', 'unauthorized']);
    expect(seen).toEqual([]);
  });

  it('with a principal beside the statement is for whom the statement says', async () => {
    const seen = serve();
    const statement = signerOf('mcp-gateway').write(ada);
    const envelope = { timeout_ms: 1_000, id: 'x', principal: { ...ada, subject: 'bob' }, statement };
    const answer = Promise.withResolvers<string>();
    const subscription = transport.subscribe('inbox.raw.*', ({ data }) => answer.resolve(data));

    transport.publish({
      subject: who.subject,
      data: '{}',
      reply: 'inbox.raw.1',
      headers: { [callHeader]: JSON.stringify(envelope) },
    });

    expect(await answer.promise).toMatch(/^R/);
    expect(seen).toMatchObject([{ principal: ada }]);
    subscription.unsubscribe();
  });

  it('that nobody signed is taken while a deployment is updated', async () => {
    const seen = serve(signerOf('upload', { acceptsUnsigned: true }));
    const old = createBus(transport, { name: 'mcp-gateway' });
    opened.push(old);

    await old.call(who, {}, { principal: ada });

    expect(seen).toMatchObject([{ principal: ada }]);
  });
});

describe('a statement', () => {
  it('is the same for the same principal, until it is made anew', () => {
    const gateway = signerOf('mcp-gateway');
    const first = gateway.write(ada);
    const again = gateway.write(ada);
    clock.now += 1_800_000;

    expect(again).toBe(first);
    expect(gateway.write(ada)).not.toBe(first);
  });

  it('ends after an hour, also where it was read before', () => {
    const reader = signerOf('catalog');
    const text = signerOf('mcp-gateway').write(ada);
    reader.read(text);
    clock.now += 3_600_000;

    expect(() => reader.read(text)).toThrow(expect.objectContaining({ code: 'unauthorized' }));
  });

  it('of a service whose clock is hours off is taken where all go by one clock', () => {
    const hours = 2 * 3_600_000;
    const apart = [-hours, 0, hours].map((offMs) =>
      signerOf('mcp-gateway', { now: () => clock.now + offMs }),
    );
    const read = (signer: Statements, reader: Statements) => () => reader.read(signer.write({ ...ada }));
    const [slow, right, fast] = apart as [Statements, Statements, Statements];
    for (const [signer, reader] of [
      [slow, right],
      [right, fast],
      [fast, right],
      [right, slow],
    ] as const)
      expect(read(signer, reader)).toThrow(expect.objectContaining({ code: 'unauthorized' }));

    for (const one of apart) one.goBy(() => clock.now);

    for (const signer of apart)
      for (const reader of apart) expect(read(signer, reader)()).toMatchObject({ principal: ada });
  });

  it('of which a byte was changed is refused', () => {
    const reader = signerOf('catalog');
    const [payload = '', signature = ''] = signerOf('mcp-gateway').write(ada).split('.');
    const other = Buffer.from(payload, 'base64url').toString().replace('ada', 'bob');

    for (const text of [
      `${Buffer.from(other).toString('base64url')}.${signature}`,
      `${payload}.${signature.slice(4)}AAAA`,
      payload,
      '',
      '.',
      'x.y',
    ]) {
      expect(() => reader.read(text)).toThrow(expect.objectContaining({ code: 'unauthorized' }));
    }
  });
});

/** As the runs' service makes it of a principal that came with a call. */
function grantOf(until: number): string {
  const poller = signerOf('inference-poller');
  const { principal } = poller.read(signerOf('mcp-gateway').write(ada));
  return poller.writeRun(principal, run, until);
}

describe('a run whose owner is not there', () => {
  it('is acted for with what was signed when it began, after the owner’s statement has ended', async () => {
    const seen = serve();
    const poller = busOf('inference-poller');
    const grant = grantOf(clock.now + 10 * 86_400_000);
    clock.now += 5 * 86_400_000;

    await poller.call(aboutRun, {}, { principal: localPrincipal, grant });

    expect(seen).toMatchObject([{ principal: ada, run, isService: false }]);
  });

  it('opens nothing else, and nothing after its end', async () => {
    const seen = serve();
    const poller = busOf('inference-poller');
    const grant = grantOf(clock.now + 60_000);

    const codes = [
      await codeOf(poller.call(who, {}, { principal: ada, grant })),
      await codeOf(poller.callTool(tool, {}, { principal: ada, grant })),
    ];
    clock.now += 60_000;
    codes.push(await codeOf(poller.call(aboutRun, {}, { principal: ada, grant })));

    expect(codes).toEqual(['unauthorized', 'unauthorized', 'unauthorized']);
    expect(seen).toEqual([]);
  });

  it.each([
    ['auth', 'unauthorized'],
    ['mcp-gateway', 'unauthorized'],
    ['upload', 'answered for inferry:upload'],
  ])('is not spoken for beyond that by %s, which was called for it', async (service, expected) => {
    const seen = serve();
    const between = busOf(service);
    const asked = defineRpc({
      ...{ subject: 'rpc.v1.suite.asked', servesRuns: true },
      ...{ input: z.object({}), output: z.object({}) },
    });
    between.serve(asked, async (_input, { principal }) => between.call(who, {}, { principal }));

    const code = await codeOf(
      busOf('inference-poller').call(asked, {}, { principal: ada, grant: grantOf(clock.now + 60_000) }),
    );

    const [last] = seen;
    expect(last === undefined ? code : `${code} for ${last.principal.subject}`).toBe(expected);
  });

  it.each([
    ['another service says so', () => signerOf('upload'), ada],
    ['the service made its owner up', () => signerOf('inference-poller'), ada],
  ])('is not acted for when %s', async (_case, signer, principal) => {
    const seen = serve();
    const grant = signer().writeRun(principal, run, clock.now + 60_000);

    expect(await codeOf(busOf('inference-poller').call(aboutRun, {}, { principal, grant }))).toBe(
      'unauthorized',
    );
    expect(seen).toEqual([]);
  });
});

describe('a claim', () => {
  it('is that of the service which signed it, for the text that it signed', () => {
    const auth = busOf('auth');
    const proof = busOf('inference-poller').claim('a key');

    expect(auth.isClaimed('a key', proof, ['inference-poller', 'catalog'])).toBe(true);
    expect(auth.isClaimed('another key', proof, ['inference-poller', 'catalog'])).toBe(false);
    expect(auth.isClaimed('a key', proof, ['catalog'])).toBe(false);
    expect(auth.isClaimed('a key', undefined, ['inference-poller'])).toBe(false);
    expect(auth.isClaimed('a key', 'x.y', ['inference-poller'])).toBe(false);
  });
});
