import { type IncomingMessage, request } from 'node:http';
import { createUpload } from '@inferry/contracts';
import { another } from '@inferry/testing';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { alice, startUpload, type UploadUnderTest } from '../testing.ts';

let upload: UploadUnderTest;
let now = Date.now();
beforeAll(async () => {
  upload = await startUpload({ now: () => now });
});
afterAll(() => upload.close());
beforeEach(() => {
  now = Date.now();
});
afterEach(() => vi.restoreAllMocks());

async function store(
  body: string | Uint8Array<ArrayBuffer>,
  args: Record<string, unknown> = {},
  at = upload,
): Promise<{ url: string; id: string }> {
  const created = await at.tool(createUpload, { file_name: 'a.txt', ...args }, { principal: alice });
  const { upload_url: url, file_url: fileUrl, asset_id: id } = created.structuredContent;
  const headers = { 'content-type': String(args.content_type ?? 'application/octet-stream') };
  const response = await fetch(url, { method: 'PUT', body, headers });
  expect(response.status).toBe(200);
  return { url: fileUrl, id };
}
const get = (url: string, headers: Record<string, string> = {}) => fetch(url, { headers });
const png = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg==',
  'base64',
);

describe('GET of a file', () => {
  it('sends it with validators and a lasting private cache', async () => {
    const { url } = await store('hello');

    const response = await get(url);

    expect(await response.text()).toBe('hello');
    expect(Object.fromEntries(response.headers)).toMatchObject({
      'content-length': '5',
      'content-type': 'text/plain; charset=utf-8',
      'accept-ranges': 'bytes',
      etag: expect.stringMatching(/^"[0-9a-f]{32}"$/),
      'last-modified': expect.stringMatching(/GMT$/),
      'cache-control': 'private, max-age=31536000, immutable',
    });
  });

  it('keeps every stored file from acting as a page of ours', async () => {
    const { url } = await store('hello');

    const { headers } = await get(url);

    expect(headers.get('x-content-type-options')).toBe('nosniff');
    expect(headers.get('content-security-policy')).toMatch(/^sandbox; default-src 'none'/);
    expect(headers.get('cross-origin-resource-policy')).toBe('cross-origin');
    expect(headers.get('referrer-policy')).toBe('no-referrer');
  });

  it.each([
    ['text/html', 'x.html', '<!doctype html><script>alert(1)</script>'],
    ['image/svg+xml', 'x.svg', '<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>'],
    ['application/xml', 'x.xml', '<?xml version="1.0"?><x/>'],
    ['application/xhtml+xml', 'x.xhtml', '<?xml version="1.0"?><html xmlns="http://www.w3.org/1999/xhtml"/>'],
    ['text/javascript', 'x.js', 'alert(1)'],
    ['image/png', 'x.png', '<script>alert(1)</script>'],
    ['text/css', 'x.css', 'a{}'],
    ['multipart/related', 'x.mht', 'MIME-Version: 1.0\r\n'],
  ])('sends what calls itself %s as plain text or bytes', async (type, name, body) => {
    const { url } = await store(body, { content_type: type, file_name: name });

    const { headers } = await get(url);

    expect(headers.get('content-type')).toMatch(/^(text\/plain; charset=utf-8|application\/octet-stream)$/);
  });

  it('shows a picture inline whatever it was declared to be', async () => {
    const { url } = await store(png, { content_type: 'text/html', file_name: 'x.html' });

    const { headers } = await get(url);

    expect(headers.get('content-type')).toBe('image/png');
    expect(headers.get('content-disposition')).toMatch(/^inline; /);
  });

  it.each([
    ['../../etc/passwd', 'passwd'],
    ['a"b;\r\nSet-Cookie: x=1', 'a"b;Set-Cookie: x=1'],
    ['C:\\temp\\übung 100%.txt', 'übung 100%.txt'],
    ['..', 'file'],
    ["it's (1)*.txt", "it's (1)*.txt"],
    ['\u202Egpj.exe', 'gpj.exe'],
    ['日本語.png', '日本語.png'],
  ])('names a file %j by RFC 8187, and its URL works', async (given, kept) => {
    const { url } = await store('x', { file_name: given });

    const response = await get(url);

    expect(response.status).toBe(200);
    const encoded = /filename\*=UTF-8''(\S+)$/.exec(response.headers.get('content-disposition') ?? '')?.[1];
    expect(decodeURIComponent(encoded ?? '')).toBe(kept);
    expect(response.headers.get('set-cookie')).toBeNull();
  });

  it.each([
    ['bytes=0-4', 206, '01234', 'bytes 0-4/10'],
    ['bytes=7-', 206, '789', 'bytes 7-9/10'],
    ['bytes=-3', 206, '789', 'bytes 7-9/10'],
    ['bytes=-99', 206, '0123456789', 'bytes 0-9/10'],
    ['bytes=5-99', 206, '56789', 'bytes 5-9/10'],
    ['bytes=10-', 416, '', 'bytes */10'],
    ['bytes=-0', 416, '', 'bytes */10'],
    ['bytes=5-2', 200, '0123456789', null],
    ['bytes=0-1,3-4', 200, '0123456789', null],
    ['items=0-4', 200, '0123456789', null],
    ['bytes=x', 200, '0123456789', null],
  ])('answers the range %s with %i', async (range, ...expected) => {
    const [status, body, contentRange] = expected;
    const { url } = await store('0123456789');

    const response = await get(url, { range });

    expect(response.status).toBe(status);
    expect(await response.text()).toBe(body);
    expect(response.headers.get('content-range')).toBe(contentRange);
  });

  it('sends a range of an unchanged file only (If-Range)', async () => {
    const { url } = await store('0123456789');
    const { headers } = await get(url);

    const same = await get(url, { range: 'bytes=0-1', 'if-range': headers.get('etag') ?? '' });
    const sameDate = await get(url, { range: 'bytes=0-1', 'if-range': headers.get('last-modified') ?? '' });
    const other = await get(url, { range: 'bytes=0-1', 'if-range': '"other"' });

    expect([same.status, sameDate.status, other.status]).toEqual([206, 206, 200]);
  });

  it('answers 304 without a body while the copy is good', async () => {
    const { url } = await store('0123456789');
    const { headers } = await get(url);
    const etag = headers.get('etag') ?? '';
    const modified = headers.get('last-modified') ?? '';

    const answers = await Promise.all([
      get(url, { 'if-none-match': etag }),
      get(url, { 'if-none-match': `"x", W/${etag}` }),
      get(url, { 'if-modified-since': modified }),
      get(url, { 'if-none-match': '"x"', 'if-modified-since': modified }),
      get(url, { 'if-modified-since': new Date(0).toUTCString() }),
    ]);

    expect(answers.map(({ status }) => status)).toEqual([304, 304, 304, 200, 200]);
  });

  it('answers HEAD with the headers alone', async () => {
    const { url } = await store('0123456789');

    const response = await fetch(url, { method: 'HEAD', headers: { range: 'bytes=2-3' } });

    expect(response.status).toBe(206);
    expect(response.headers.get('content-length')).toBe('2');
    expect(await response.text()).toBe('');
  });

  it('sends an empty file', async () => {
    const { url } = await store('');

    const response = await get(url);

    expect([response.status, await response.text()]).toEqual([200, '']);
  });

  it('limits the cache to the life of a file that expires, and then answers 404', async () => {
    const { url } = await store('x', { expires_in: 120 });

    const before = await get(url);
    now += 120_000;
    const after = await get(url);

    expect(before.headers.get('cache-control')).toMatch(/^private, max-age=1(1\d|20), immutable$/);
    expect(after.status).toBe(404);
    expect(await after.json()).toMatchObject({ error: { code: 'asset_not_found' } });
    expect(after.headers.get('cache-control')).toBe('no-store');
  });

  it('answers unknown, tampered, pending and foreign-token links alike', async () => {
    const stored = await store('x');
    const pending = (await upload.tool(createUpload, { file_name: 'p' })).structuredContent.file_url;
    const other = await store('y');
    const urls = [
      stored.url.replace(/asset_.{22}/, 'asset_AAAAAAAAAAAAAAAAAAAAAA'),
      stored.url.replace(/(?<=asset_.{22}\/)./, another),
      pending,
      other.url.replace(other.id, stored.id),
      `${upload.base}/files/asset_x/y/z`,
      `${upload.base}/files/nothing`,
      `${upload.base}/files/..%2f..%2fetc/passwd/x`,
    ];

    const answers = await Promise.all(
      urls.map(async (url) => [(await get(url)).status, await (await get(url)).text()]),
    );

    expect(new Set(answers.map((answer) => JSON.stringify(answer))).size).toBe(1);
    expect(answers[0]?.[0]).toBe(404);
  });

  it('cleans up when the reader goes away', async () => {
    const own = await startUpload({ timeouts: { silenceMs: 60_000 } });
    const { url } = await store(Buffer.alloc(20_000_000), {}, own);
    const incoming = await open(url);
    const closed = new Promise((resolve) => incoming.once('close', resolve));
    incoming.once('data', () => incoming.destroy());
    await closed;

    // A transfer that was left behind would hold the drain up until its grace ends, which is after this test.
    await own.service.drain(600_000);

    await own.close();
  });

  it('cuts a reader that reads no more', async () => {
    const own = await startUpload({ timeouts: { silenceMs: 200 } });
    const { url } = await store(Buffer.alloc(20_000_000), {}, own);
    const incoming = await open(url);
    incoming.pause();
    const cut = new Promise((resolve) => incoming.once('close', () => resolve(incoming.complete)));

    await own.service.drain(10_000);
    incoming.resume();

    expect(await cut).toBe(false);
    await own.close();
  });
});

function open(url: string): Promise<IncomingMessage> {
  return new Promise((resolve) => {
    const outgoing = request(url, (incoming) => resolve(incoming.on('error', () => undefined)));
    outgoing.on('error', () => undefined).end();
  });
}

describe('links with an end', () => {
  it('stop working at their time while the file lives on', async () => {
    const ending = await startUpload({ fileUrlSeconds: 60, now: () => now });
    const { structuredContent } = await ending.tool(createUpload, { file_name: 'a' });
    await fetch(structuredContent.upload_url, { method: 'PUT', body: 'x' });

    const before = await get(structuredContent.file_url);
    now += 61_000;
    const after = await get(structuredContent.file_url);
    const stretched = await get(structuredContent.file_url.replace(/\.([0-9a-z]+)\//, '.zzzzzzz/'));

    expect([before.status, after.status, stretched.status]).toEqual([200, 404, 404]);
    await ending.close();
  });
});
