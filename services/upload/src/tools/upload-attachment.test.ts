import { openAsset, uploadFile } from '@inferry/contracts';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { alice, bob, startUpload, type UploadUnderTest } from '../testing.ts';

let upload: UploadUnderTest;
let now = Date.now();
beforeAll(async () => {
  upload = await startUpload({ now: () => now, sweepEveryMs: 20 });
});
afterAll(() => upload.close());

let count = 0;

/** What the gateway does with the bytes of a call. */
async function attach(bytes: string, contentType?: string): Promise<string> {
  const opened = await upload.bus.call(
    openAsset,
    { file_name: 'file', content_type: contentType, ref: `inline/${++count}`, expires_in: 3_600 },
    { principal: alice },
  );
  const put = await fetch(opened.put_url ?? '', { method: 'PUT', body: Buffer.from(bytes) });
  expect(put.status).toBe(200);
  return opened.asset_id;
}

async function call(attachment: string, args: Record<string, unknown> = {}, principal = alice) {
  return (await upload.tool(uploadFile, args, { principal, attachment })).structuredContent;
}

it('keeps an attachment for good, under the name and type of the call [X3]', async () => {
  const attachment = await attach('a,b');

  const stored = await call(attachment, { file_name: 'table.csv', content_type: 'text/csv' });
  now += 7_200_000;

  expect(stored).toMatchObject({ asset_id: attachment, bytes: 3, content_type: 'text/csv' });
  expect(stored.file_url).toMatch(/\/table\.csv$/);
  expect(await (await fetch(stored.file_url)).text()).toBe('a,b');
});

it('believes the type of the data URI when the call names none', async () => {
  const stored = await call(await attach('a,b', 'text/csv'));

  expect(stored).toMatchObject({ content_type: 'text/csv' });
});

it('ends an attachment when the call says so', async () => {
  const stored = await call(await attach('hello'), { expires_in: 60 });

  now += 61_000;

  expect((await fetch(stored.file_url)).status).toBe(404);
});

it('answers a repeated call alike', async () => {
  const attachment = await attach('hello');
  const first = await call(attachment);

  expect(await call(attachment)).toEqual(first);
});

it('does not give the attachment of somebody else', async () => {
  const { error } = await call(await attach('secret'), {}, bob);

  expect(error).toMatchObject({ code: 'asset_not_found' });
});

it('refuses an attachment beside a url', async () => {
  const { error } = await call(await attach('hello'), { url: 'https://files.example/a' });

  expect(error).toMatchObject({ code: 'validation_failed' });
});

it('does not take an id that a client writes into the arguments', async () => {
  const assetId = await attach('hello');

  const answers = [
    await upload.tool(uploadFile, { base64: assetId }),
    await upload.tool(uploadFile, { base64: `asset:${assetId}` }),
    await upload.tool(uploadFile, { attachment: assetId }),
  ];

  for (const { structuredContent } of answers.slice(1)) {
    expect(structuredContent.error).toMatchObject({ code: 'validation_failed' });
  }
  // An id is base64 too: then it is bytes and no more.
  expect(answers[0]?.structuredContent.asset_id).not.toBe(assetId);
});

it('throws an attachment away whose call never comes', async () => {
  const attachment = await attach('hello');

  now += 3_601_000;

  await expect.poll(async () => (await upload.keys()).filter((key) => key.includes(attachment))).toEqual([]);
});
