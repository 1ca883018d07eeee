import { Secret } from '@inferry/contracts';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type StandIn, startStandIn } from '../../contract-suite/index.ts';
import { PlatformClient } from '../../http/index.ts';
import { mostOutput, withOutputPart } from './job-output.ts';
import { RunpodControl } from './native.ts';
import { parseRestVersions } from './versions.ts';
import type { Edition } from './wire.ts';

describe('the output of a job', () => {
  it('stays what it is where it fits', () => {
    for (const output of ['x'.repeat(mostOutput), { a: [1] }, null, undefined]) {
      const body = { id: 'j', status: 'COMPLETED', output };

      expect(withOutputPart(body)).toBe(body);
    }
  });

  it.each([
    ['text', 'ab😀'.repeat(50_000)],
    ['JSON text', { images: ['x'.repeat(150_000)], seed: 7 }],
  ])('comes in parts that are the whole together: %s [RP-75]', (of, output) => {
    const parts: string[] = [];
    let outputOffset: unknown = 0;
    while (typeof outputOffset === 'number') {
      const body = withOutputPart({ id: 'j', output }, { outputOffset });
      // as: a part is a text with its place.
      const part = body.outputPart as {
        offset: number;
        returned: number;
        nextOffset: number | null;
        of: string;
      };
      expect(part.returned).toBe(String(body.output).length);
      expect([part.offset, part.of, String(body.output).length <= mostOutput]).toEqual([
        outputOffset,
        of,
        true,
      ]);
      expect(String(body.output).isWellFormed()).toBe(true);
      parts.push(String(body.output));
      outputOffset = part.nextOffset;
    }

    expect(parts.join('')).toBe(of === 'text' ? output : JSON.stringify(output));
  });

  it('has an end behind which nothing is', () => {
    const { output, outputPart } = withOutputPart({ output: 'abc' }, { outputOffset: 99 });

    expect([output, outputPart]).toMatchObject(['', { offset: 3, returned: 0, total: 3, nextOffset: null }]);
  });
});

describe.each(['3.4.0', '4.0.0'] as const)('calls of edition %s', (edition: Edition) => {
  let platform: StandIn;
  let client: PlatformClient;
  beforeEach(async () => {
    platform = await startStandIn();
    const { url } = platform;
    client = new PlatformClient({
      ...{ title: 'Runpod', allowPrivateHosts: false, random: () => 0.5, readRetries: 0 },
      bases: { api: url, rest: url, rest1: url, graphql: url, account: url },
      authorize: (key) => ({ authorization: `Bearer ${key}` }),
    });
  });
  afterEach(async () => {
    await client.close();
    await platform.close();
  });
  const call = async (name: string, args: object) => {
    const control = new RunpodControl({ client, versions: parseRestVersions({}) });
    const caller = { name: 'n', version: '1', transport: 'http', sessionId: 's' } as const;
    const context = { credential: new Secret('key'), signal: AbortSignal.timeout(30_000) };
    const given = { endpointId: 'e', jobId: 'j', ...args };
    // as: what these calls answer is an object.
    return (await control.call({ name, args: given, edition, caller, context })).body as Record<
      string,
      unknown
    >;
  };

  it('show a part of a long output, and the next of the same job [RP-75]', async () => {
    platform.answer = { id: 'j', status: 'COMPLETED', output: 'x'.repeat(mostOutput + 10) };

    const sync = await call('runsync-endpoint', { input: {} });
    const status = await call('get-job-status', {});
    const next = await call('get-job-status', { outputOffset: mostOutput });

    expect([sync.output, status.output]).toEqual(['x'.repeat(mostOutput), 'x'.repeat(mostOutput)]);
    expect([status.outputPart, next.output]).toMatchObject([{ nextOffset: mostOutput }, 'x'.repeat(10)]);
  });

  it('leave what a stream still has for the next call [RP-77]', async () => {
    platform.answer = { status: 'IN_PROGRESS', stream: [{ output: 'x'.repeat(mostOutput) }] };

    const { stream, note } = await call('stream-job', {});

    expect([stream, platform.seen.length]).toMatchObject([{ length: 1 }, 1]);
    expect(note).toContain('Call stream-job again');
  });
});
