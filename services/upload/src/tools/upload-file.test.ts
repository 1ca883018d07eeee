import { createHash } from 'node:crypto';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { uploadFile } from '@inferry/contracts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startUpload, type UploadUnderTest } from '../testing.ts';

let upload: UploadUnderTest;
let server: Server;
let origin: string;
let requests = 0;
beforeAll(async () => {
  server = createServer((request, response) => {
    requests += 1;
    if (request.url === '/huge') {
      response.writeHead(200);
      const chunk = Buffer.alloc(1024 * 1024);
      const send = () => {
        while (!response.destroyed && response.write(chunk));
        response.once('drain', send);
      };
      return send();
    }
    if (request.url === '/empty.png') return response.writeHead(200).end();
    if (request.url?.startsWith('/login')) {
      return response
        .writeHead(200, { 'content-type': 'text/html' })
        .end('\ufeff <!-- x --><!DOCTYPE html><title>Sign in');
    }
    response.writeHead(200, { 'content-type': 'text/csv' }).end('a,b');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  // as: a TCP server that listens has such an address.
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  upload = await startUpload({ addressPolicy: { allowAddress: (address) => address === '127.0.0.1' } });
});
afterAll(async () => {
  await upload.close();
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

const call = async (args: Record<string, unknown>, callId?: string) =>
  (await upload.tool(uploadFile, args, callId === undefined ? {} : { callId })).structuredContent;

describe('upload_file with a url', () => {
  it('copies the file and answers its canonical URL [MR-31]', async () => {
    const stored = await call({ url: `${origin}/dir/table.csv` });

    expect(stored).toEqual({
      asset_id: expect.stringMatching(/^asset_/),
      file_url: expect.stringMatching(/\/table\.csv$/),
      content_type: 'text/csv',
      bytes: 3,
      sha256: createHash('sha256').update('a,b').digest('hex'),
    });
    expect(await (await fetch(stored.file_url)).text()).toBe('a,b');
  });

  it('takes the name and the end from the caller', async () => {
    const stored = await call({ url: `${origin}/x`, file_name: 'other.txt', expires_in: 600 });

    const response = await fetch(stored.file_url);
    expect(response.headers.get('content-disposition')).toContain('other.txt');
    expect(response.headers.get('cache-control')).toMatch(/max-age=(600|59\d)/);
  });

  it.each([
    [
      'a page where a picture was said',
      { url: '/login.png', content_type: 'image/png' },
      'a web page, not to image/png',
    ],
    ['an empty file', { url: '/empty.png' }, 'an empty file'],
  ])('refuses %s and stores nothing', async (_case, args, message) => {
    const before = await upload.keys();

    const { error } = await call({ ...args, url: `${origin}${args.url}` });

    expect(error).toMatchObject({ code: 'url_fetch_failed', message: expect.stringContaining(message) });
    expect(await upload.keys()).toEqual(before);
  });

  it('stores a page that was not said to be anything else', async () => {
    expect(await call({ url: `${origin}/login` })).toMatchObject({ bytes: expect.any(Number) });
    expect(await call({ url: `${origin}/login`, content_type: 'text/html' })).toMatchObject({
      bytes: expect.any(Number),
    });
  });

  it('names the ports that are allowed', async () => {
    const { error } = await call({ url: 'https://example.com:22/a.png' });

    expect(error).toMatchObject({
      code: 'url_rejected',
      message: expect.stringMatching(/`url`.*port 22.*80, 443 and those above 1023/),
    });
  });

  it('stops at 200 MiB and stores nothing [MR-32][MR-57]', { timeout: 60_000 }, async () => {
    const before = await upload.keys();

    const { error } = await call({ url: `${origin}/huge` });

    expect(error).toMatchObject({
      code: 'upload_too_large',
      message: expect.stringContaining('exceeds the 200 MiB upload cap'),
    });
    expect(await upload.keys()).toEqual(before);
  });

  it.each(['/etc/passwd', './a.png', '~/a.png', '../a', 'file:///etc/passwd', 'C:\\a.png', '\\\\host\\a'])(
    'refuses the local path %s and names create_upload [MR-33]',
    async (url) => {
      const { error } = await call({ url });

      expect(error).toMatchObject({
        code: 'url_rejected',
        message: expect.stringContaining('Local paths'),
        next_action: expect.stringContaining('create_upload'),
      });
    },
  );

  it('refuses an address of a private network', async () => {
    const { error } = await call({ url: 'http://169.254.169.254/latest/meta-data/' });

    expect(error).toMatchObject({ code: 'url_rejected' });
  });

  it('copies once when a call is repeated with the same id', async () => {
    const first = await call({ url: `${origin}/again` }, 'call-7');
    const blobs = await upload.keys();

    const again = await call({ url: `${origin}/again` }, 'call-7');

    expect(again).toEqual(first);
    expect(await upload.keys()).toEqual(blobs);
    expect(requests).toBeGreaterThan(0);
  });
});

it('answers the same asset to a call that is made twice at the same time', async () => {
  const answers = await Promise.all([
    call({ url: `${origin}/twice` }, 'call-8'),
    call({ url: `${origin}/twice` }, 'call-8'),
  ]);

  expect(answers[0]).toMatchObject({ bytes: 3 });
  expect(answers[1]).toEqual(answers[0]);
});

describe('upload_file with base64', () => {
  it('stores the bytes', async () => {
    const stored = await call({ base64: btoa('hello'), file_name: 'a.txt' });

    expect(stored).toMatchObject({ bytes: 5, content_type: 'text/plain' });
    expect(await (await fetch(stored.file_url)).text()).toBe('hello');
  });

  it('takes a data URI, line breaks and the URL-safe alphabet', async () => {
    const uri = await call({ base64: `data:text/csv;charset=utf-8;base64,${btoa('a,b')}` });
    const urlSafe = await call({ base64: '--__\n--__' });

    expect(uri).toMatchObject({ bytes: 3, content_type: 'text/csv' });
    expect(urlSafe).toMatchObject({ bytes: 6 });
  });

  it.each([
    'not base64!',
    'a',
    '/home/me/cat.png',
    'data:text/plain,hello',
    'data:nothing',
    'aGVsbG8===',
    'a=b',
  ])('refuses %j', async (base64) => {
    const { error } = await call({ base64 });

    expect(error).toMatchObject({ code: 'validation_failed' });
  });

  it.each([{}, { url: 'https://example.com', base64: 'aGk=' }])(
    'refuses %j: exactly one of both',
    async (args) => {
      const { error } = await call(args);

      expect(error).toMatchObject({ code: 'validation_failed' });
    },
  );
});
