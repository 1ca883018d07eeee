import { createBus, createInProcessTransport } from '@inferry/bus';
import { type Principal, resolveAssets, uploadFile } from '@inferry/contracts';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { locateFiles } from './run-request.ts';

const principal: Principal = { subject: 'alice', grant_id: 'g', kind: 'api_key', scopes: ['mcp'] };
const transport = createInProcessTransport();
const bus = createBus(transport, { name: 'test' });

/** As the upload service does: a call of the same id gets the file of the first one. */
const copies = new Map<string, string>();
bus.serve(uploadFile, async ({ url }, { callId }) => {
  if (!copies.has(callId)) copies.set(callId, url ?? '');
  return { asset_id: `asset_${Buffer.from(callId).toString('hex')}` };
});
bus.serve(resolveAssets, async ({ refs }) => ({
  assets: refs.map((ref) => {
    if (!ref.startsWith('asset_')) return null;
    const source = copies.get(Buffer.from(ref.slice(6), 'hex').toString()) ?? '';
    const known = { file_name: 'a', content_type: 'image/png', bytes: 1, sha256: '' };
    return { ...known, asset_id: ref, url: source, internal_url: source };
  }),
}));

beforeEach(() => copies.clear());
afterEach(() => copies.clear());

async function located(input: Record<string, string>, callId: string): Promise<(string | undefined)[]> {
  // as: what is read of the deps and of the provider; the rest is of no interest here.
  const deps = { bus, now: Date.now } as unknown as Parameters<typeof locateFiles>[0];
  const provider = { capabilities: { inputUrls: 'internal' } } as never;
  const pointers = Object.keys(input).map((name) => `/${name}`);
  const context = { principal, signal: AbortSignal.timeout(60_000), callId, deadlineAt: Date.now() + 60_000 };
  const files = await locateFiles(deps, { provider, input, pointers }, context as never);
  return pointers.map((pointer) => files[pointer]?.url);
}

describe('a link that is copied', () => {
  it.each([100, 180, 250, 2_000])('keeps its own file when %i characters are common', async (common) => {
    const stem = `https://cdn.example/${'x'.repeat(common - 20)}`;

    const found = await located({ image: `${stem}?sig=A`, mask: `${stem}?sig=B` }, 'call-1');

    expect(found).toEqual([`${stem}?sig=A`, `${stem}?sig=B`]);
  });

  it('is copied once for all fields that name it, and again for the next run', async () => {
    const url = 'https://cdn.example/a.png';

    await located({ image: url, mask: url }, 'call-1');
    await located({ image: url }, 'call-2');
    await located({ image: url }, '');
    await located({ image: url }, '');

    expect(copies.size).toBe(4);
  });
});
