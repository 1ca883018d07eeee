import { brotliCompressSync, deflateRawSync, gzipSync, zstdCompressSync } from 'node:zlib';
import { setPolicy } from '@inferry/database';
import type { ProviderOutput } from '@inferry/providers';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { succeeded } from '../testing/platform.ts';
import { createWorld, type Reply, type World } from '../testing/world.ts';

let world: World;
beforeEach(async () => {
  world = await createWorld();
});
afterEach(() => world.close());

async function runTo(outputs: ProviderOutput[]): Promise<NonNullable<Reply['run']>> {
  world.platform.endsAs = succeeded('', { outputs });
  const { run, text } = await world.run();
  if (run === undefined) throw new Error(text);
  return run;
}

const image = { kind: 'image', contentType: 'image/png' } as const;

function hosted(path: string, body: string | Buffer): ProviderOutput {
  world.files.hosted.set(path, (response) => response.end(body));
  return { ...image, url: `${world.files.url}${path}`, expiresAt: '2026-11-21T12:00:00Z' };
}

describe('outputs', () => {
  it('of bytes become assets with a stable id and link', async () => {
    await world.addReplica();

    const { run_id: runId, outputs } = await runTo([{ ...image, bytes: Buffer.from('png') }]);

    const stored = world.files.byRef.get(`${runId}/0`);
    expect(stored?.bytes?.toString()).toBe('png');
    expect(outputs).toMatchObject([
      {
        index: 0,
        kind: 'image',
        asset_id: stored?.assetId,
        url: `https://files.example/${stored?.assetId}`,
        bytes: 3,
      },
    ]);
  });

  it('that a platform hosts are copied, since its links expire', async () => {
    await world.addReplica();

    const { run_id: runId, outputs } = await runTo([
      hosted('/out/1.png', 'image'),
      hosted('/out/2.png', 'other'),
    ]);

    expect(world.files.byRef.get(`${runId}/1`)?.bytes?.toString()).toBe('other');
    expect(outputs?.map((output) => output.url?.startsWith('https://files.example/'))).toEqual([true, true]);
  });

  it('keep the link of the platform where nothing is to be copied', async () => {
    await world.addReplica({ rehost: false });
    const output = hosted('/out/1.png', 'image');

    const { outputs } = await runTo([output]);

    expect(outputs).toEqual([
      { index: 0, kind: 'image', mime_type: 'image/png', url: output.url, expires_at: output.expiresAt },
    ]);
  });

  it('are copied or not as their tenant says, whatever the deployment does', async () => {
    await world.addReplica({ rehost: true });
    await setPolicy(world.database, { scope: 'subject', value: 'alice', rehost: false });
    const output = hosted('/out/1.png', 'image');

    const { outputs } = await runTo([output]);

    expect(outputs?.[0]).toMatchObject({ url: output.url });
    expect(outputs?.[0]?.asset_id).toBeUndefined();
  });

  it('that are too large keep the link of the platform', async () => {
    await world.addReplica({ maxOutputBytes: 1_000 });
    const known = hosted('/out/1.png', Buffer.alloc(2_000));
    world.files.hosted.set('/out/2.png', (response) => {
      // No length in advance.
      response.write(Buffer.alloc(800));
      response.end(Buffer.alloc(800));
    });
    const unknown = { ...image, url: `${world.files.url}/out/2.png` };

    const { outputs } = await runTo([known, unknown]);

    expect(outputs?.map(({ url }) => url)).toEqual([known.url, unknown.url]);
  });

  it('on a private address are not fetched for a hosted platform', async () => {
    await world.addReplica({ allowPrivateOutputs: false });
    let isFetched = false;
    world.files.hosted.set('/secret', (response) => {
      isFetched = true;
      response.end('secret');
    });

    const { outputs } = await runTo([{ ...image, url: `${world.files.url}/secret` }]);

    expect(isFetched).toBe(false);
    expect(outputs?.[0]?.asset_id).toBeUndefined();
  });

  it('whose link is refused as private are told of, and not passed on', async () => {
    await world.addReplica({ allowPrivateOutputs: false });
    const links = ['http://169.254.169.254/latest/meta-data', 'http://x:y@127.0.0.1/a', 'http://localhost/a'];

    const { status, outputs, notes } = await runTo(links.map((url) => ({ ...image, url })));

    expect(status).toBe('succeeded');
    expect(JSON.stringify({ outputs, notes })).not.toMatch(/169\.254|127\.0\.0\.1|localhost/);
    expect(notes?.[0]).toContain('Output 0 is not stored here.');
  });

  it.each([
    ['gzip', gzipSync],
    ['br', brotliCompressSync],
    ['zstd', zstdCompressSync],
    ['deflate', deflateRawSync],
  ])('are stored as they are without their packing: %s', async (encoding, pack) => {
    await world.addReplica();
    world.files.hosted.set('/packed.png', (response) =>
      response.writeHead(200, { 'content-encoding': encoding }).end(pack('a picture')),
    );

    const { run_id: runId } = await runTo([{ ...image, url: `${world.files.url}/packed.png` }]);

    expect(world.files.byRef.get(`${runId}/0`)?.bytes?.toString()).toBe('a picture');
  });

  it('that unpack to more than may be stored keep their link', async () => {
    await world.addReplica({ maxOutputBytes: 100_000 });
    world.files.hosted.set('/bomb.png', (response) =>
      response.writeHead(200, { 'content-encoding': 'gzip' }).end(gzipSync(Buffer.alloc(10_000_000))),
    );

    const { outputs } = await runTo([{ ...image, url: `${world.files.url}/bomb.png` }]);

    expect(outputs?.[0]?.asset_id).toBeUndefined();
  });

  it.each<[string, Record<string, string>, string]>([
    ['nothing', { 'content-length': '0' }, ''],
    ['a page', { 'content-type': 'text/html' }, '<!doctype html><title>Sign in</title>'],
    [
      'a page that says it is a picture',
      { 'content-type': 'image/png' },
      '\n<html><body>Not here</body></html>',
    ],
    ['an error in JSON', { 'content-type': 'application/json' }, '{"error":"not found"}'],
  ])(
    'in place of which comes %s are asked for again, and kept as a link with a word',
    async (_case, headers, body) => {
      await world.addReplica();
      let asked = 0;
      world.files.hosted.set('/wrong.png', (response) => {
        asked += 1;
        response.writeHead(200, headers).end(body);
      });
      const url = `${world.files.url}/wrong.png`;

      const { status, outputs, notes } = await runTo([{ ...image, url }]);

      expect(status).toBe('succeeded');
      expect(asked).toBeGreaterThan(2);
      expect(outputs).toEqual([expect.objectContaining({ url, kind: 'image' })]);
      expect(outputs?.[0]?.asset_id).toBeUndefined();
      expect(notes?.[0]).toMatch(/^Output 0 is not stored here\./);
    },
  );

  it('that come right after a page was there are stored', async () => {
    await world.addReplica();
    let asked = 0;
    world.files.hosted.set('/late.png', (response) => {
      asked += 1;
      response.end(asked === 1 ? '<html>Please wait</html>' : 'a picture');
    });

    const { run_id: runId, notes } = await runTo([{ ...image, url: `${world.files.url}/late.png` }]);

    expect(world.files.byRef.get(`${runId}/0`)?.bytes?.toString()).toBe('a picture');
    expect(notes).toBeUndefined();
  });

  it('that are data: URIs are stored, whatever platform writes them', async () => {
    await world.addReplica();

    const { run_id: runId } = await runTo([{ ...image, url: 'DATA:image/png; BASE64,YSBwaWN0dXJl' }]);

    expect(world.files.byRef.get(`${runId}/0`)?.bytes?.toString()).toBe('a picture');
  });

  it('of text stay in the row up to 64 KB and become a file beyond', async () => {
    await world.addReplica();
    const text = { kind: 'text', contentType: 'text/plain' } as const;

    const { run_id: runId } = await runTo([
      { ...text, text: 'short' },
      { ...text, text: 'x'.repeat(65_537) },
    ]);

    const { run } = await world.get(runId);
    expect(run?.outputs).toMatchObject([{ text: 'short' }, { truncated: true }]);
    expect(world.files.byRef.get(`${runId}/0`)).toBeUndefined();
    expect(world.files.byRef.get(`${runId}/1`)?.bytes?.length).toBe(65_537);
  });

  it('are tried again while storage fails, and the run is not lost', async () => {
    await world.addReplica();
    world.files.failures = 4;

    const { status } = await runTo([{ ...image, bytes: Buffer.from('png') }]);

    expect(status).toBe('succeeded');
    expect(world.files.puts).toBe(1);
  });

  it('that cannot be fetched keep the link of the platform in the end', async () => {
    await world.addReplica();
    const url = `${world.files.url}/missing`;
    world.files.hosted.set('/missing', (response) => response.writeHead(404).end());

    const { status, outputs } = await runTo([{ ...image, url }]);

    expect(status).toBe('succeeded');
    expect(outputs?.[0]?.url).toBe(url);
  });

  it('are asked for again when whoever saw the end died with them', async () => {
    const first = await world.addReplica();
    world.files.failures = Number.POSITIVE_INFINITY;
    world.platform.endsAs = succeeded('', { outputs: [{ ...image, bytes: Buffer.from('png') }] });
    const runId = await world.start();
    await world.reached(runId, 'storing');
    first.gate.crash();
    world.files.failures = 0;
    await world.addReplica();

    expect((await world.ended(runId)).status).toBe('succeeded');
    expect(world.files.byRef.get(`${runId}/0`)?.bytes?.toString()).toBe('png');
  });
});
