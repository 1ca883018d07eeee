import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { createUpload } from '@inferry/contracts';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { startUpload, type UploadUnderTest } from '../testing.ts';

const mebibyte = 1024 * 1024;
const chunk = Buffer.alloc(mebibyte, 'x');

setFlagsFromString('--expose-gc');
// as: the flag above makes `gc` a function of every context made after it.
const collectGarbage = runInNewContext('gc') as () => void;

let upload: UploadUnderTest;
beforeAll(async () => {
  upload = await startUpload();
});
afterAll(() => upload.close());

/** Bytes of buffers that something still refers to. */
function heldBytes(): number {
  collectGarbage();
  // V8 frees buffers in a thread of its own, which a busy machine lets wait; the next collection waits for it.
  collectGarbage();
  return process.memoryUsage().arrayBuffers;
}

it('takes and sends 100 MiB in flat memory', { timeout: 60_000 }, async () => {
  const { structuredContent } = await upload.tool(createUpload, { file_name: 'large.bin' });
  const baseBytes = heldBytes();
  let peakBytes = 0;
  const watch = () => {
    peakBytes = Math.max(peakBytes, heldBytes() - baseBytes);
  };
  async function* body() {
    for (let sent = 0; sent < 100; sent += 1) {
      if (sent % 5 === 0) watch();
      yield chunk;
    }
  }

  const stored = await fetch(structuredContent.upload_url, {
    method: 'PUT',
    body: ReadableStream.from(body()),
    duplex: 'half',
  } as RequestInit);
  const response = await fetch(structuredContent.file_url);
  let receivedBytes = 0;
  for await (const piece of response.body ?? []) {
    receivedBytes += piece.byteLength;
    if (receivedBytes % (5 * mebibyte) < piece.byteLength) watch();
  }

  expect(await stored.json()).toMatchObject({ bytes: 100 * mebibyte });
  expect(receivedBytes).toBe(100 * mebibyte);
  // The client of this test is in the same process and holds some of it.
  expect(peakBytes).toBeLessThan(20 * mebibyte);
});
