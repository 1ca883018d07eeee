import { tooLargeAttachment } from '@inferry/contracts';
import { toolOf } from '@inferry/profiles';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { alice, startUpload, type UploadUnderTest } from '../testing.ts';

let upload: UploadUnderTest;
beforeAll(async () => {
  upload = await startUpload();
});
afterAll(() => upload.close());

async function call(name: string, args: Record<string, unknown>, attachment?: string) {
  const tool = toolOf(`modelrunner/${name}`);
  if (tool === undefined) throw new Error(`there is no ${name}`);
  const options = { principal: alice, ...(attachment !== undefined && { attachment }) };
  const result = JSON.parse(await upload.bus.callTool(tool, args, options));
  const text: string = result.content.map((block: { text?: string }) => block.text ?? '').join('\n');
  return { ...result, text };
}

describe('upload_file', () => {
  it('stores base64 and returns its fileUrl [MR-30][MR-31]', async () => {
    const base64 = Buffer.from('a,b').toString('base64');

    const { structuredContent, text } = await call('upload_file', {
      base64,
      fileName: 'a.csv',
      contentType: 'text/csv',
    });

    expect(structuredContent).toEqual({
      fileUrl: expect.stringMatching(/\/a\.csv$/),
      contentType: 'text/csv',
      size: 3,
    });
    expect(text).toContain(structuredContent.fileUrl);
    expect(await (await fetch(structuredContent.fileUrl)).text()).toBe('a,b');
  });

  it('says of a file over 200 MiB that it exceeds the cap, and what takes it [MR-57][MR-32][MR-58]', async () => {
    const { structuredContent, text, isError } = await call(
      'upload_file',
      { fileName: 'a' },
      tooLargeAttachment,
    );

    expect(isError).toBe(true);
    expect(text).toContain('exceeds the 200 MiB upload cap');
    expect(structuredContent.error).toMatchObject({
      code: 'upload_too_large',
      next_action: expect.stringContaining('create_upload_url'),
    });
  });

  it.each([
    { url: '/home/me/cat.png' },
    { url: 'file:///home/me/cat.png' },
    { url: 'C:\\cat.png' },
    { base64: '/home/me/cat' },
    { base64: '~/cat.png' },
    { base64: 'file:///tmp/cat.png' },
    { base64: 'C:\\Users\\me\\cat.png' },
  ])('refuses a path of the machine of its user: %j [MR-33]', async (args) => {
    const { isError, text } = await call('upload_file', args);

    expect(isError).toBe(true);
    expect(text).toMatch(/cannot be read here/);
    expect(text).toContain('create_upload');
  });

  it('takes a picture whose base64 begins like a path', async () => {
    const jpeg = Buffer.from([0xff, 0xd8, 0xff, 0xe0, 0, 0x10, 0x4a, 0x46, 0x49, 0x46, 0, 1]);

    expect(jpeg.toString('base64')).toMatch(/^\/9j\//);
    expect((await call('upload_file', { base64: jpeg.toString('base64') })).structuredContent.size).toBe(12);
  });

  it('asks for one of base64 and url', async () => {
    expect((await call('upload_file', {})).isError).toBe(true);
  });
});

describe('create_upload_url', () => {
  it('returns where to PUT the bytes, and the fileUrl for a run [MRD-01]', async () => {
    const { structuredContent, text } = await call('create_upload_url', {
      fileName: 'a.txt',
      contentType: 'text/plain',
    });
    const put = await fetch(structuredContent.upload_url, {
      method: 'PUT',
      headers: structuredContent.headers,
      body: 'hello',
    });

    expect(put.status).toBe(200);
    expect(await (await fetch(structuredContent.fileUrl)).text()).toBe('hello');
    expect(structuredContent.file_url).toBe(structuredContent.fileUrl);
    expect(text).toContain('curl');
  });
});
