import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { heldBytes } from '@inferry/testing';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Blobs } from './blobs.ts';

export interface BlobsUnderTest {
  blobs: Blobs;
  /** Makes the storage unreachable. */
  breakStorage(): Promise<void>;
  close(): Promise<void>;
}

/** What every implementation of `Blobs` does. */
export function describeBlobs(name: string, open: () => Promise<BlobsUnderTest>): void {
  describe(name, () => {
    let opened: BlobsUnderTest;
    let blobs: Blobs;
    beforeEach(async () => {
      opened = await open();
      blobs = opened.blobs;
    });
    afterEach(() => opened.close());

    const read = async (key: string, range?: { start: number; end: number }) =>
      (await buffer(await blobs.get(key, range))).toString();
    const put = (key: string, value: string) => blobs.put(key, Readable.from([Buffer.from(value)]));
    const keysOf = async (prefix: string) => {
      const keys: string[] = [];
      for await (const { key } of blobs.list(prefix)) keys.push(key);
      return keys.sort();
    };

    it('stores a stream and gives its size and SHA-256', async () => {
      const stored = await put('assets/ab12/x', 'hello');

      expect(stored).toMatchObject({
        key: 'assets/ab12/x',
        sizeBytes: 5,
        sha256: createHash('sha256').update('hello').digest('hex'),
      });
      expect(await read('assets/ab12/x')).toBe('hello');
    });

    it('stores an empty file', async () => {
      const stored = await blobs.put('assets/empty', Readable.from([]));

      expect(stored.sizeBytes).toBe(0);
      expect(await read('assets/empty')).toBe('');
    });

    it('replaces a blob of the same key and changes its etag', async () => {
      const before = await put('assets/a', 'one');

      const after = await put('assets/a', 'two');

      expect(await read('assets/a')).toBe('two');
      expect(after.etag).not.toBe(before.etag);
      expect(await blobs.head('assets/a')).toEqual({ key: 'assets/a', sizeBytes: 3, etag: after.etag });
    });

    it('reads a range, both ends included', async () => {
      await put('assets/a', '0123456789');

      expect(await read('assets/a', { start: 2, end: 4 })).toBe('234');
    });

    it('cuts a range at the end of the blob', async () => {
      await put('assets/a', '0123456789');

      expect(await read('assets/a', { start: 8, end: 99 })).toBe('89');
    });

    it('joins parts in order, leaves them, and hashes the whole', async () => {
      await put('parts/p1', 'abc');
      await put('parts/p2', 'def');

      const joined = await blobs.concat('assets/whole', ['parts/p1', 'parts/p2']);

      expect(await read('assets/whole')).toBe('abcdef');
      expect(joined.sha256).toBe(createHash('sha256').update('abcdef').digest('hex'));
      expect(await keysOf('parts/')).toEqual(['parts/p1', 'parts/p2']);
    });

    it('stores nothing when a part to join is missing', async () => {
      await put('parts/p1', 'abc');

      const joining = blobs.concat('assets/whole', ['parts/p1', 'parts/p2']);

      await expect(joining).rejects.toMatchObject({ code: 'asset_not_found' });
      expect(await blobs.head('assets/whole')).toBeUndefined();
    });

    it('refuses more bytes than allowed and stores nothing', async () => {
      const endless = Readable.from(chunksOf(4096, 64 * 1024));

      const storing = blobs.put('assets/big', endless, { maxBytes: 12_000_000 });

      await expect(storing).rejects.toMatchObject({ code: 'upload_too_large' });
      expect(await blobs.head('assets/big')).toBeUndefined();
      expect(endless.destroyed).toBe(true);
    });

    it('keeps the old blob when its replacement breaks off', async () => {
      await put('assets/a', 'old');

      const storing = blobs.put('assets/a', Readable.from(breaking()));

      await expect(storing).rejects.toThrow('the sender went away');
      expect(await read('assets/a')).toBe('old');
    });

    it('stores nothing when cancelled in the middle of a stream', async () => {
      const abort = new AbortController();
      const body = Readable.from(chunksOf(100_000, 64 * 1024, () => abort.abort()));

      const storing = blobs.put('assets/a', body, { signal: abort.signal });

      await expect(storing).rejects.toMatchObject({ code: 'cancelled' });
      expect(await keysOf('')).toEqual([]);
    });

    it('answers asset_not_found for a missing blob', async () => {
      await expect(blobs.get('assets/none')).rejects.toMatchObject({ code: 'asset_not_found' });
      expect(await blobs.head('assets/none')).toBeUndefined();
    });

    it('tells whether there was something to delete', async () => {
      await put('assets/ab12/x', '1');

      expect(await blobs.delete('assets/ab12/x')).toBe(true);
      expect(await blobs.delete('assets/ab12/x')).toBe(false);
    });

    it('lists by prefix, also within a segment', async () => {
      for (const key of ['assets/ab1/x', 'assets/ab2/y', 'assets/cd/z', 'other/a']) await put(key, '1');

      expect(await keysOf('assets/ab')).toEqual(['assets/ab1/x', 'assets/ab2/y']);
      expect(await keysOf('assets/ab1/')).toEqual(['assets/ab1/x']);
      expect(await keysOf('')).toEqual(['assets/ab1/x', 'assets/ab2/y', 'assets/cd/z', 'other/a']);
    });

    it.each(['../x', 'a/../b', '/a', 'a//b', 'A', 'a.b', '', 'a\\b', 'a/%2e%2e/b', 'a\0'])(
      'refuses the key %j',
      async (key) => {
        await expect(put(key, 'x')).rejects.toThrow(RangeError);
        await expect(blobs.get(key)).rejects.toThrow(RangeError);
      },
    );

    it('takes many writers of one key: one of them wins whole', async () => {
      const bodies = Array.from({ length: 8 }, (_, index) => String(index).repeat(50_000));

      await Promise.all(bodies.map((body) => put('assets/a', body)));

      expect(bodies).toContain(await read('assets/a'));
    });

    it('streams 50 MB in and out in flat memory', { timeout: 60_000 }, async () => {
      let peakBytes = 0;
      const baseBytes = heldBytes();
      const watch = () => {
        peakBytes = Math.max(peakBytes, heldBytes() - baseBytes);
      };

      await blobs.put('assets/big', Readable.from(chunksOf(800, 64 * 1024, watch)));
      let receivedBytes = 0;
      for await (const chunk of await blobs.get('assets/big')) {
        const before = receivedBytes;
        receivedBytes += Buffer.from(chunk).byteLength;
        if (Math.floor(before / 5_000_000) < Math.floor(receivedBytes / 5_000_000)) watch();
      }

      expect(receivedBytes).toBe(800 * 64 * 1024);
      // The emulated store is in this process too, and holds a part or two of its own.
      expect(peakBytes).toBeLessThan(36 * 1024 * 1024);
    });

    it('answers ping', async () => {
      await expect(blobs.ping()).resolves.toBeUndefined();
    });

    it('answers unavailable in bounded time when the storage is gone', async () => {
      await put('assets/a', 'x');
      await opened.breakStorage();

      const calls = [
        put('assets/b', 'x'),
        blobs.get('assets/a'),
        blobs.head('assets/a'),
        blobs.delete('assets/a'),
        blobs.ping(),
      ];

      const outcomes = await Promise.allSettled(calls);
      for (const outcome of outcomes) expect(outcome).toMatchObject({ reason: { code: 'unavailable' } });
    });
  });
}

async function* chunksOf(count: number, sizeBytes: number, onChunk?: () => void): AsyncGenerator<Buffer> {
  for (let index = 0; index < count; index += 1) {
    yield Buffer.alloc(sizeBytes, index % 256);
    if (index % 80 === 79) onChunk?.();
  }
}

async function* breaking(): AsyncGenerator<Buffer> {
  yield Buffer.from('new');
  throw new Error('the sender went away');
}
