import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { createUpload } from '@inferry/contracts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { alice, bob, startUpload, type UploadUnderTest } from '../testing.ts';

const run = promisify(execFile);
const sha256 = (bytes: Uint8Array | string) => createHash('sha256').update(bytes).digest('hex');

let upload: UploadUnderTest;
let folder: string;
const now = Date.parse('2026-11-21T10:00:00Z');
beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'inferry-curl-'));
  upload = await startUpload({ now: () => now });
});
afterAll(async () => {
  await upload.close();
  await rm(folder, { recursive: true });
});

const create = async (args: Record<string, unknown>, principal = alice) =>
  (await upload.tool(createUpload, args, { principal })).structuredContent;

/** Runs a line of shell with a `curl` that answers its arguments as JSON, one list per call. */
async function argumentsOf(line: string): Promise<string[][]> {
  const fake = `curl() { cat > /dev/null < /dev/null; printf '%s\\0' "$@"; printf '\\n\\0'; }\n${line}`;
  const { stdout } = await run('sh', ['-c', fake], { cwd: folder, encoding: 'utf8' });
  return stdout
    .split('\n\0')
    .slice(0, -1)
    .map((call) => call.split('\0').slice(0, -1));
}

describe('create_upload', () => {
  it('returns the URL, its headers, a curl line and its end', async () => {
    const created = await create({ file_name: 'cat.png', content_type: 'image/png', size: 10 });

    expect(created).toEqual({
      asset_id: expect.stringMatching(/^asset_[\w-]{22}$/),
      file_url: expect.stringMatching(/\/files\/asset_[\w-]{22}\/[\w-]{22}\/cat\.png$/),
      method: 'PUT',
      upload_url: expect.stringMatching(/\/files\/u\/asset_[\w-]{22}\?e=\d+&s=[\w-]{43}$/),
      headers: { 'content-type': 'image/png' },
      curl: expect.stringContaining('curl -fsS'),
      expires_at: '2026-11-21T10:15:01.000Z',
    });
  });

  it('says the same facts in its text', async () => {
    const { content, structuredContent } = await upload.tool(createUpload, { file_name: 'a' });

    expect(content).toHaveLength(1);
    for (const fact of ['asset_id', 'file_url', 'curl', 'expires_at']) {
      expect(content[0]?.text).toContain(String(structuredContent[fact]));
    }
  });

  it.each([
    "it's.png",
    'a b  c.png',
    '$(touch pwned).png',
    '`touch pwned`.png',
    '"; touch pwned; ".png',
    "'; touch pwned; '",
    '-o pwned',
    '{a,b}[1-3].png',
    'new\nline',
    'back\\slash',
    '!history',
    '*',
    '-',
    '.',
    '日本語.png',
    "''",
  ])('quotes the file name %j for the shell', async (name) => {
    const { curl, upload_url: url } = await create({ file_name: name });

    const [call] = await argumentsOf(curl);

    expect(call).toEqual(['-fsS', '-g', '-T', `./${name}`, url]);
  });

  it.each([
    ['~/My Pictures/a b.png'],
    ['$HOME/My Pictures/a b.png'],
    [`$${'{HOME}'}/My Pictures/a b.png`],
    [() => `file://${folder}/My%20Pictures/a%20b.png`],
    [() => `file://localhost${folder}/My%20Pictures/a%20b.png`],
    [() => path.join(folder, 'My Pictures', 'a b.png')],
    [() => `${folder}/${'x/../'.repeat(60)}My Pictures/a b.png`],
  ])('takes the path %s as its shell would', async (given) => {
    await mkdir(path.join(folder, 'My Pictures'), { recursive: true });
    await mkdir(path.join(folder, 'x'), { recursive: true });
    await writeFile(path.join(folder, 'My Pictures', 'a b.png'), 'a picture');
    const { curl, file_url: url } = await create({
      file_name: typeof given === 'string' ? given : given(),
    });

    await run('sh', ['-c', curl], { cwd: '/', env: { PATH: '/usr/local/bin:/usr/bin:/bin', HOME: folder } });

    expect(await (await fetch(url)).text()).toBe('a picture');
    expect(url).toMatch(/\/a%20b\.png$/);
  });

  it.each([
    ['file://server/share/a.png', 'is a file URL of another computer'],
    ['https://example.com/a.png', 'is a URL'],
    ['./pictures/', 'is a folder'],
    ['C:\\Pictures\\', 'is a folder'],
    ['~', 'is a folder'],
    ['$PICTURES/a.png', 'begins with a variable of the shell'],
    [`/home/${'a'.repeat(256)}`, 'has a name of over 255 characters'],
  ])('refuses %s, for it %s', async (given, message) => {
    const { error } = await create({ file_name: given });

    expect(error).toMatchObject({
      code: 'validation_failed',
      details: { errors: [{ path: 'file_name', message, hint: expect.any(String) }] },
    });
  });

  it.each([
    ['C:\\My Pictures\\a b.png', '"C:\\My Pictures\\a b.png"'],
    ['C:/My Pictures/a b.png', '"C:/My Pictures/a b.png"'],
    ['file:///C:/My%20Pictures/a%20b.png', '"C:\\My Pictures\\a b.png"'],
    ['\\\\server\\share\\a.png', '"\\\\server\\share\\a.png"'],
    ["C:\\it's $5 at 10 %.png", "'C:\\it''s $5 at 10 %.png'"],
    ['%USERPROFILE%\\a b.png', "($env:USERPROFILE + '\\a b.png')"],
    ['$env:TEMP\\a b.png', "($env:TEMP + '\\a b.png')"],
    ['~\\a.png', "($HOME + '\\a.png')"],
  ])('names %s as PowerShell reads it', async (given, word) => {
    const { curl, upload_url: url, file_url: fileUrl } = await create({ file_name: given });
    const parts = await create({ file_name: given, size: 17 * 1024 * 1024 });

    expect(curl).toBe(`curl.exe -fsS -g -T ${word} "${url}"`);
    expect(fileUrl.split('/').at(-1)).not.toContain('%5C');
    expect(parts.curl).toContain(`Resolve-Path -LiteralPath ${word})`);
  });

  it('says that a file of several parts is not there, and stores no folder', async () => {
    const missing = await create({ file_name: '~/not there.bin', size: 17 * 1024 * 1024 });
    const ofFolder = await create({ file_name: folder });

    const env = { PATH: '/usr/local/bin:/usr/bin:/bin', HOME: folder };
    await expect(run('sh', ['-c', missing.curl], { env })).rejects.toMatchObject({
      stderr: expect.stringContaining('not there.bin: no such file'),
    });
    await expect(run('sh', ['-c', ofFolder.curl])).rejects.toMatchObject({ code: expect.any(Number) });
    expect((await fetch(ofFolder.file_url)).status).toBe(404);
  });

  it.each([1, 17, 1024])(
    'answers a file of %i MiB in less than 1 KB of text and of structure',
    async (size) => {
      const { content, structuredContent } = await upload.tool(createUpload, {
        file_name: 'a film with quite a long name.mp4',
        size: size * 1024 * 1024,
        content_type: 'video/mp4',
      });

      expect(Buffer.byteLength(content[0]?.text ?? '')).toBeLessThan(1_024);
      expect(Buffer.byteLength(JSON.stringify(structuredContent))).toBeLessThan(1_024);
    },
  );

  it('says the URL to a model once, in the line to run, and to a program by itself as well', async () => {
    const { content, structuredContent } = await upload.tool(createUpload, { file_name: 'a.png', size: 9 });
    const { upload_url: url, curl } = structuredContent as { upload_url: string; curl: string };
    const times = (text: string) => text.split(url).length - 1;

    expect(times(content[0]?.text ?? '')).toBe(1);
    expect(times(curl)).toBe(1);
    expect(times(JSON.stringify(structuredContent))).toBe(2);
  });

  it('keeps an absolute path in the curl line and its last segment as the name', async () => {
    const { curl, file_url: url } = await create({ file_name: '/home/me/my cat.png' });

    expect((await argumentsOf(curl))[0]).toContain('/home/me/my cat.png');
    expect(url).toMatch(/\/my%20cat\.png$/);
  });

  it('uploads a file by its curl line', async () => {
    const name = "it's a file.txt";
    await writeFile(path.join(folder, name), 'by curl');
    const { curl, file_url: url } = await create({ file_name: name, content_type: 'text/plain', size: 7 });

    await run('sh', ['-c', curl], { cwd: folder });

    expect(await (await fetch(url)).text()).toBe('by curl');
  });

  it('uploads a file in parts by its curl line', async () => {
    const bytes = Buffer.alloc(17 * 1024 * 1024 + 5, 'parts');
    await writeFile(path.join(folder, 'large file.bin'), bytes);
    const {
      curl,
      file_url: url,
      part_count: parts,
    } = await create({
      file_name: 'large file.bin',
      size: bytes.byteLength,
      sha256: sha256(bytes),
    });

    await run('sh', ['-c', curl], { cwd: folder });

    expect(parts).toBe(2);
    const response = await fetch(url, { method: 'HEAD' });
    expect(response.headers.get('content-length')).toBe(String(bytes.byteLength));
  });

  it.each([
    [16, 1, 0],
    [16.5, 2, 16],
    [1024, 64, 16],
    [1025, 61, 17],
    [5120, 64, 80],
  ])('cuts a file of %d MiB into %i parts', async (mebibytes, count, partMebibytes) => {
    const { part_count: parts, curl } = await create({ file_name: 'x', size: mebibytes * 1024 * 1024 });

    expect(parts ?? 1).toBe(count);
    if (count > 1) expect(curl).toContain(`bs=${partMebibytes * 1024 * 1024} `);
    expect(curl.length).toBeLessThan(600);
  });

  it('refuses more than 5 GiB', async () => {
    const { error } = await create({ file_name: 'x', size: 5 * 1024 ** 3 + 1 });

    expect(error).toMatchObject({ code: 'upload_too_large', message: expect.stringContaining('5 GiB') });
  });

  it('gives a large file more time, and never more than a day', async () => {
    const large = await create({ file_name: 'x', size: 5 * 1024 ** 3 });

    expect(large.expires_at).toBe('2026-11-21T11:40:20.000Z');
  });

  it('ends the URL with the file when the file ends sooner', async () => {
    const { expires_at: end } = await create({ file_name: 'x', expires_in: 60 });

    expect(end).toBe('2026-11-21T10:01:00.000Z');
  });

  it('refuses what is not a media type', async () => {
    const { error } = await create({ file_name: 'x', content_type: "image/png'\r\nx: y" });

    expect(error).toMatchObject({ code: 'validation_failed' });
  });

  it('answers content of the caller that is stored already without an upload', async () => {
    const hash = sha256('same');
    const first = await create({ file_name: 'a.txt', sha256: hash });
    await fetch(first.upload_url, { method: 'PUT', body: 'same' });

    const second = await create({ file_name: 'b.txt', sha256: hash.toUpperCase(), size: 4 });

    expect(second).toEqual({
      asset_id: first.asset_id,
      file_url: first.file_url,
      deduplicated: true,
    });
  });

  it.each([
    ['of another subject', {}, bob],
    ['of another size', { size: 99 }, alice],
    ['that would have to expire', { expires_in: 600 }, alice],
  ])('does not share content %s', async (content, args, principal) => {
    const hash = sha256(content);
    const first = await create({ file_name: 'a', sha256: hash });
    await fetch(first.upload_url, { method: 'PUT', body: content });

    const second = await create({ file_name: 'a', sha256: hash, ...args }, principal);

    expect(second.deduplicated).toBeUndefined();
    expect(second.asset_id).not.toBe(first.asset_id);
  });

  it('does not share content that was declared and never came', async () => {
    const hash = sha256('never');
    await create({ file_name: 'a', sha256: hash });

    expect((await create({ file_name: 'a', sha256: hash })).deduplicated).toBeUndefined();
  });

  it('answers a repeated call of the same id with the same asset', async () => {
    const first = await upload.tool(createUpload, { file_name: 'a' }, { callId: 'call-1' });
    const again = await upload.tool(createUpload, { file_name: 'a' }, { callId: 'call-1' });

    expect(again).toEqual(first);
  });
});
