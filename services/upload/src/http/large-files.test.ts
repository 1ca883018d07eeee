import { createUpload } from '@inferry/contracts';
import { heldBytes } from '@inferry/testing';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { startUpload, type UploadUnderTest } from '../testing.ts';

const mebibyte = 1024 * 1024;
const chunk = Buffer.alloc(mebibyte, 'x');

let upload: UploadUnderTest;
beforeAll(async () => {
  upload = await startUpload();
});
afterAll(() => upload.close());

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
