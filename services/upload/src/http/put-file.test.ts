import { createHash } from 'node:crypto';
import { connect, type Socket } from 'node:net';
import { Readable } from 'node:stream';
import { createUpload, openAsset, type Principal } from '@inferry/contracts';
import { another } from '@inferry/testing';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { partKey } from '../assets/asset-keys.ts';
import { alice, bob, startUpload, type UploadUnderTest } from '../testing.ts';

const sha256 = (bytes: Uint8Array | string) => createHash('sha256').update(bytes).digest('hex');

let upload: UploadUnderTest;
let now = Date.now();
beforeEach(async () => {
  now = Date.now();
  upload = await startUpload({ now: () => now, timeouts: { lingerMs: 300 } });
});
afterEach(() => upload.close());

const put = (
  url: string,
  body: string | Uint8Array<ArrayBuffer> | ReadableStream,
  headers: Record<string, string> = {},
) => fetch(url, { method: 'PUT', body, headers, duplex: 'half' } as RequestInit);
const create = async (args: Record<string, unknown>) =>
  (await upload.tool(createUpload, { file_name: 'a.txt', ...args })).structuredContent;
const stateOf = async (assetId: string) =>
  (
    await upload.database.queries
      .selectFrom('assets')
      .select('state')
      .where('asset_id', '=', assetId)
      .executeTakeFirst()
  )?.state;
const errorOf = async (response: Response) => {
  // as: every refusal of these routes has this shape, which the tests look into.
  const { error } = (await response.json()) as { error: { code: string; message: string } };
  return { status: response.status, ...error };
};

/** A body without a length, in pieces. */
function streamOf(...chunks: string[]): ReadableStream<Uint8Array> {
  return new Blob(chunks).stream();
}

const partAt = (url: string, number: number) => url.replace('{part}', String(number));

describe('a single PUT', () => {
  it('stores the file and answers what it became', async () => {
    const { upload_url: url, asset_id: id, file_url: fileUrl } = await create({ size: 5 });

    const response = await put(url, 'hello');

    expect(response.status).toBe(200);
    expect(await response.json()).toEqual({
      asset_id: id,
      state: 'stored',
      file_url: fileUrl,
      content_type: 'text/plain',
      bytes: 5,
      sha256: sha256('hello'),
    });
    expect(await (await fetch(fileUrl)).text()).toBe('hello');
  });

  it('takes a body of unknown length when no size was declared', async () => {
    const { upload_url: url } = await create({});

    const response = await put(url, streamOf('hel', 'lo'));

    expect(await response.json()).toMatchObject({ bytes: 5, sha256: sha256('hello') });
  });

  it('takes no other spelling of the signature', async () => {
    const { upload_url: url } = await create({});

    for (const tail of ['=', '==', '%3D', '%20', '.']) {
      expect((await errorOf(await put(url + tail, 'hello'))).code).toBe('forbidden');
    }
  });

  it('refuses another Content-Length than the declared size', async () => {
    const { upload_url: url, asset_id: id } = await create({ size: 5 });

    const refusal = await errorOf(await put(url, 'hello!'));

    expect(refusal).toMatchObject({ status: 422, code: 'upload_mismatch', next_action: expect.any(String) });
    expect(await stateOf(id)).toBe('pending');
    expect(await upload.keys()).toEqual([]);
  });

  it.each([
    ['more', 'hello world'],
    ['fewer', 'hel'],
  ])('refuses %s bytes than declared when the length is not told', async (_, body) => {
    const { upload_url: url } = await create({ size: 5 });

    const refusal = await errorOf(await put(url, streamOf(body)));

    expect(refusal).toMatchObject({ status: 422, code: 'upload_mismatch' });
    expect(await upload.keys()).toEqual([]);
  });

  it('refuses a body with another SHA-256 and takes the right one afterwards', async () => {
    const { upload_url: url } = await create({ size: 5, sha256: sha256('hello').toUpperCase() });

    const refusal = await errorOf(await put(url, 'HELLO'));
    const response = await put(url, 'hello');

    expect(refusal).toMatchObject({ status: 422, code: 'upload_mismatch' });
    expect(response.status).toBe(200);
  });

  it('refuses another content type than the declared one', async () => {
    const { upload_url: url, headers } = await create({ content_type: 'text/csv' });

    const refusal = await errorOf(await put(url, 'a,b', { 'content-type': 'image/png' }));
    const response = await put(url, 'a,b', { 'content-type': 'text/csv; charset=utf-8' });

    expect(headers).toEqual({ 'content-type': 'text/csv' });
    expect(refusal).toMatchObject({ status: 422, code: 'upload_mismatch' });
    expect(await response.json()).toMatchObject({ content_type: 'text/csv' });
  });

  it('works once', async () => {
    const { upload_url: url, file_url: fileUrl } = await create({});
    await put(url, 'first');

    const refusal = await errorOf(await put(url, 'second'));

    expect(refusal).toMatchObject({ status: 410, code: 'upload_expired' });
    expect(await (await fetch(fileUrl)).text()).toBe('first');
  });

  it('lets one of two PUTs at the same time win', async () => {
    const { upload_url: url, file_url: fileUrl } = await create({});
    const replica = await upload.addReplica();
    const bodies = ['a'.repeat(300_000), 'b'.repeat(300_000)];

    const responses = await Promise.all([
      put(url, bodies[0] ?? ''),
      put(url.replace(upload.base, replica), bodies[1] ?? ''),
    ]);

    const won = responses.findIndex(({ status }) => status === 200);
    expect(responses.map(({ status }) => status).sort()).toEqual([200, 410]);
    expect(await (await fetch(fileUrl)).text()).toBe(bodies[won]);
    expect(await upload.keys()).toHaveLength(1);
  });

  it('ends with its expiry', async () => {
    const { upload_url: url } = await create({});
    now += 901_000;

    const refusal = await errorOf(await put(url, 'late'));

    expect(refusal).toMatchObject({ status: 410, code: 'upload_expired', next_action: /create_upload/ });
  });

  it.each([
    ['signature', (url: string) => url.replace(/(?<=&s=)./, another)],
    ['missing signature', (url: string) => url.replace(/&s=.*/, '')],
    ['later expiry', (url: string) => url.replace(/e=(\d+)/, (_, e) => `e=${Number(e) + 9999}`)],
    ['other asset', (url: string) => url.replace(/asset_.{4}/, 'asset_AAAA')],
    ['part', (url: string) => url.replace('?', '/1?')],
    ['repeated query', (url: string) => `${url}&s=x`],
  ])('refuses a URL with a tampered %s', async (_, tamper) => {
    const { upload_url: url, asset_id: id } = await create({ size: 1 });

    const refusal = await errorOf(await put(tamper(url), 'x'));

    expect(refusal).toMatchObject({ status: 403, code: 'forbidden' });
    expect(await stateOf(id)).toBe('pending');
  });

  it('answers an unknown asset as a tampered one', async () => {
    const { upload_url: url } = await create({ size: 1 });
    await upload.database.queries.deleteFrom('assets').execute();

    expect(await errorOf(await put(url, 'x'))).toMatchObject({ status: 403, code: 'forbidden' });
  });

  it('stores nothing of a PUT whose asset was given up meanwhile', async () => {
    const { upload_url: url, asset_id: id } = await create({});
    async function* body() {
      // More than sockets hold: once the next piece is asked for, the server is reading.
      for (let sent = 0; sent < 20; sent += 1) yield Buffer.alloc(1024 * 1024);
      await upload.database.queries.deleteFrom('assets').where('asset_id', '=', id).execute();
      yield Buffer.from('last');
    }

    const refusal = await errorOf(await put(url, ReadableStream.from(body())));

    expect(refusal).toMatchObject({ status: 410, message: 'This upload URL has ended.' });
    expect(await upload.keys()).toEqual([]);
  });

  it('can be repeated after the connection broke', async () => {
    const { upload_url: url, file_url: fileUrl } = await create({ size: 10 });
    const { pathname, search, port } = new URL(url);
    const socket = connect(Number(port), '127.0.0.1');
    socket.write(`PUT ${pathname}${search} HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n12345`);
    await vi.waitFor(() => expect(socket.bytesWritten).toBeGreaterThan(100));
    socket.destroy();

    const response = await put(url, '1234567890');

    expect(response.status).toBe(200);
    expect(await (await fetch(fileUrl)).text()).toBe('1234567890');
    await vi.waitFor(async () => expect(await upload.keys()).toHaveLength(1));
  });

  it('gives a silent sender up with an answer, and stores nothing', async () => {
    const own = await startUpload({ timeouts: { silenceMs: 200, lingerMs: 200 } });
    const { structuredContent } = await own.tool(createUpload, { file_name: 'a', size: 10 });
    const url = structuredContent.upload_url;
    const { pathname, search, port } = new URL(url);
    const socket = connect(Number(port), '127.0.0.1');
    socket.write(`PUT ${pathname}${search} HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n12345`);
    let reply = '';
    const ended = new Promise((resolve) => socket.on('close', resolve));
    socket.on('data', (chunk) => {
      reply += chunk;
    });

    await ended;

    expect(reply).toMatch(/^HTTP\/1.1 408 /);
    expect(reply).toContain('deadline_exceeded');
    expect(await own.keys()).toEqual([]);
    await own.close();
  });

  it('refuses more transfers at once than it may hold', async () => {
    const small = await startUpload({ maxUploadsAtOnce: 0 });
    const { structuredContent } = await small.tool(createUpload, { file_name: 'a' });

    const response = await put(structuredContent.upload_url, 'x');

    expect(response.headers.get('retry-after')).toBe('2');
    expect(await errorOf(response)).toMatchObject({ status: 503, code: 'busy' });
    await small.close();
  });

  /** Uploads of one byte that go on, to URLs of a subject. */
  async function hold(at: UploadUnderTest, urls: readonly string[]): Promise<Socket[]> {
    const sockets = urls.map((url) => {
      const { pathname, search, port } = new URL(url);
      const socket = connect(Number(port), '127.0.0.1').on('error', () => undefined);
      socket.write(`PUT ${pathname}${search} HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\nx`);
      return socket.resume();
    });
    // A request behind them is answered when they have been looked at.
    await Promise.all(Array.from({ length: 3 }, () => fetch(`${at.base}/healthz`)));
    return sockets;
  }
  const urlOf = async (at: UploadUnderTest, principal: Principal) =>
    (await at.tool(createUpload, { file_name: 'a' }, { principal })).structuredContent.upload_url;

  it.each(['one URL', 'many URLs'])(
    'leaves places to other tenants and to outputs of runs while one holds all it can of %s',
    async (kind) => {
      const own = await startUpload({ maxUploadsAtOnce: 16 });
      const first = await urlOf(own, alice);
      const urls = await Promise.all(
        Array.from({ length: 40 }, () => (kind === 'one URL' ? first : urlOf(own, alice))),
      );
      const sockets = await hold(own, urls);

      const next = kind === 'one URL' ? first : await urlOf(own, alice);
      expect(await errorOf(await put(next, 'x'))).toMatchObject({ status: 503, code: 'busy' });
      expect((await put(await urlOf(own, bob), 'hello')).status).toBe(200);
      const output = await own.bus.call(openAsset, { file_name: 'a', ref: 'run_1/0' }, { principal: alice });
      expect((await put(output.put_url ?? '', 'an output')).status).toBe(200);

      for (const socket of sockets) socket.destroy();
      await own.close();
    },
  );

  it('gives a sender up that sends by drops', async () => {
    const own = await startUpload({
      timeouts: { pace: { bytesPerSecond: 1_000, windowMs: 300 }, lingerMs: 200 },
    });
    const [socket] = await hold(own, [await urlOf(own, alice)]);
    const drops = setInterval(() => socket?.write('x'), 20);
    let reply = '';
    socket?.on('data', (chunk) => (reply += chunk));

    await new Promise((resolve) => socket?.on('close', resolve));

    clearInterval(drops);
    expect(reply).toMatch(/^HTTP\/1.1 408 /);
    await own.close();
  });

  it('answers 503 with a stable error when the storage is gone', async () => {
    const { upload_url: url } = await create({ size: 1 });
    await upload.breakStorage();

    const refusal = await errorOf(await put(url, 'x'));

    expect(refusal).toMatchObject({ status: 503, code: 'unavailable' });
  });
});

describe('multipart', () => {
  const mebibyte = 1024 * 1024;
  const size = 33 * mebibyte;
  const whole = Buffer.alloc(size, 'abcdefghij');
  const partOf = (number: number) => whole.subarray((number - 1) * 16 * mebibyte, number * 16 * mebibyte);

  it('joins the parts, in whatever order they come, without a further call', async () => {
    const {
      part_url: partUrl,
      part_count: count,
      upload_url: single,
      file_url: fileUrl,
    } = await create({ size, sha256: sha256(whole) });
    const answers: unknown[] = [];

    for (const number of [3, 1, 2]) {
      const response = await put(partAt(partUrl, number), partOf(number));
      answers.push(await response.json());
    }

    expect(single).toBeUndefined();
    expect(count).toBe(3);
    expect(answers[0]).toMatchObject({ part: 3, state: 'pending' });
    expect(answers[2]).toMatchObject({ state: 'stored', bytes: size, sha256: sha256(whole) });
    expect(sha256(Buffer.from(await (await fetch(fileUrl)).arrayBuffer()))).toBe(sha256(whole));
    expect(await upload.keys()).toHaveLength(1);
  });

  it('is stored once when the last two parts arrive at once on two replicas', async () => {
    const { part_url: partUrl, asset_id: id } = await create({ size });
    const replica = await upload.addReplica();
    await put(partAt(partUrl, 1), partOf(1));

    const responses = await Promise.all([
      put(partAt(partUrl, 2), partOf(2)),
      put(partAt(partUrl, 3).replace(upload.base, replica), partOf(3)),
    ]);

    expect(responses.map(({ status }) => status)).toEqual([200, 200]);
    expect(await stateOf(id)).toBe('stored');
    expect(await upload.keys()).toHaveLength(1);
  });

  it('takes a part again and refuses one of another length', async () => {
    const { part_url: partUrl } = await create({ size });
    await put(partAt(partUrl, 1), partOf(1));

    const again = await put(partAt(partUrl, 1), partOf(1));
    const wrong = await errorOf(await put(partAt(partUrl, 2), 'short'));

    expect(again.status).toBe(200);
    expect(wrong).toMatchObject({ status: 422, code: 'upload_mismatch' });
    expect(await upload.keys()).toHaveLength(1);
  });

  it('drops the parts when they do not make the declared file', async () => {
    const { part_url: partUrl } = await create({ size, sha256: sha256('something else') });
    await put(partAt(partUrl, 1), partOf(1));
    await put(partAt(partUrl, 2), partOf(2));

    const refusal = await errorOf(await put(partAt(partUrl, 3), partOf(3)));

    expect(refusal).toMatchObject({ status: 422, code: 'upload_mismatch' });
    expect(await upload.keys()).toEqual([]);
  });

  it('joins when the last part is sent again after a replica died before the join', async () => {
    const { part_url: partUrl, asset_id: id } = await create({ size });
    await put(partAt(partUrl, 1), partOf(1));
    await put(partAt(partUrl, 2), partOf(2));
    await upload.blobs.put(partKey(id, 3), Readable.from([partOf(3)]));

    const response = await put(partAt(partUrl, 3), partOf(3));

    expect(response.status).toBe(200);
    expect(await stateOf(id)).toBe('stored');
  });
});

it('takes the bytes of another service by the same route', async () => {
  const opened = await upload.bus.call(
    openAsset,
    { file_name: 'x.txt', ref: 'run_1/0' },
    { principal: alice },
  );

  const response = await put(opened.put_url ?? '', 'output');

  expect(await response.json()).toMatchObject({ asset_id: opened.asset_id, state: 'stored' });
});
