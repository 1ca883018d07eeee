import { createServer, type RequestListener, type Server } from 'node:http';
import { afterEach, expect, it } from 'vitest';
import { readInputFile } from './read-input-file.ts';

let server: Server | undefined;

afterEach(() => server?.close());

it('reads a file from an http URL', async () => {
  const url = await serve((_request, reply) => reply.end('hello'));

  const bytes = await readInputFile('audio', url, limits());

  expect(Buffer.from(bytes).toString()).toBe('hello');
});

it('reads base64 and percent-encoded data URIs', async () => {
  const base64 = await readInputFile('image', 'data:image/png;base64,aGVsbG8=', limits());
  const percent = await readInputFile('image', 'data:text/plain,hel%6Co', limits());

  expect([base64, percent].map((bytes) => Buffer.from(bytes).toString())).toEqual(['hello', 'hello']);
});

it.each([
  ['declares too many bytes', { 'content-length': '99' }],
  ['sends too many bytes without declaring them', {}],
])('refuses a file that %s', async (_name, headers) => {
  const url = await serve((_request, reply) => reply.writeHead(200, headers).end('x'.repeat(99)));

  const reading = readInputFile('image', url, limits({ maxBytes: 50 }));

  await expect(reading).rejects.toMatchObject({
    code: 'validation_failed',
    message: 'image: the file is larger than 50 bytes. Send a smaller one.',
  });
});

it('refuses a data URI that is too large', async () => {
  const uri = `data:;base64,${Buffer.alloc(99).toString('base64')}`;

  const reading = readInputFile('image', uri, limits({ maxBytes: 50 }));

  await expect(reading).rejects.toMatchObject({ code: 'validation_failed' });
});

it('says that a missing file must be uploaded again', async () => {
  const url = await serve((_request, reply) => reply.writeHead(404).end());

  const reading = readInputFile('image', url, limits());

  await expect(reading).rejects.toMatchObject({
    code: 'validation_failed',
    message: 'image: the file could not be read (HTTP 404). Upload it again and pass the new URL.',
  });
});

it('refuses an empty file', async () => {
  const url = await serve((_request, reply) => reply.end());

  await expect(readInputFile('image', url, limits())).rejects.toThrow('the file is empty');
});

it('follows no redirect', async () => {
  const url = await serve((_request, reply) => reply.writeHead(302, { location: 'http://127.0.0.1/' }).end());

  await expect(readInputFile('image', url, limits())).rejects.toMatchObject({ code: 'upstream_failed' });
});

it('gives up on a server that does not answer in time', async () => {
  const url = await serve(() => undefined);

  const reading = readInputFile('image', url, limits({ timeoutMs: 30 }));

  await expect(reading).rejects.toMatchObject({ code: 'upstream_failed' });
});

function limits(changed: { maxBytes?: number; timeoutMs?: number } = {}) {
  return { maxBytes: 1000, timeoutMs: 5000, signal: new AbortController().signal, ...changed };
}

async function serve(listener: RequestListener): Promise<string> {
  const started = createServer(listener);
  server = started;
  await new Promise<void>((resolve) => started.listen(0, '127.0.0.1', resolve));
  const address = started.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return `http://127.0.0.1:${address.port}/file`;
}
