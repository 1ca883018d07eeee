import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { AppError, createUpload, type RunOutput, readOutputs, viewOutput } from '@inferry/contracts';
import HME from 'h264-mp4-encoder';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { alice, bob, startUpload, type UploadUnderTest } from '../testing.ts';

let upload: UploadUnderTest;
let video: Buffer;
let outputs: RunOutput[] = [];
beforeAll(async () => {
  video = await encodeVideo();
  upload = await startUpload({ addressPolicy: { allowAddress: (address) => address === '127.0.0.1' } });
  upload.bus.serve(readOutputs, async ({ run_id: runId }, { principal }) => {
    if (runId !== 'run_1' || principal.subject !== 'alice')
      throw new AppError('run_not_found', 'No such run.');
    return { outputs };
  });
}, 60_000);
afterAll(() => upload.close());

/** Three seconds: red, then green, then blue; the width is not a multiple of 16. */
async function encodeVideo(): Promise<Buffer> {
  const encoder = await HME.createH264MP4Encoder();
  encoder.width = 200;
  encoder.height = 120;
  encoder.frameRate = 10;
  encoder.initialize();
  for (let frame = 0; frame < 30; frame += 1) {
    const pixels = new Uint8Array(200 * 120 * 4).fill(255);
    for (let pixel = 0; pixel < 200 * 120; pixel += 1) {
      for (let channel = 0; channel < 3; channel += 1) {
        pixels[pixel * 4 + channel] = channel === Math.floor(frame / 10) ? 230 : 20;
      }
    }
    encoder.addFrameRgba(pixels);
  }
  encoder.finalize();
  const bytes = Buffer.from(encoder.FS.readFile(encoder.outputFilename));
  encoder.delete();
  return bytes;
}

async function store(bytes: Uint8Array, principal = alice, at = upload): Promise<string> {
  const { structuredContent } = await at.tool(createUpload, { file_name: 'a' }, { principal });
  const body = new Uint8Array(bytes);
  const response = await fetch(structuredContent.upload_url, { method: 'PUT', body });
  expect(response.status).toBe(200);
  return structuredContent.asset_id;
}
const view = (args: Record<string, unknown>, at = upload) => at.tool(viewOutput, args);

/** What the text says: a result that shows a picture has no structure. */
function factsOf(answer: Awaited<ReturnType<typeof view>>): Record<string, unknown> {
  expect(answer.structuredContent).toBeUndefined();
  const said = /^(\S+): (\d+) x (\d+)(?:, ([\d.]+) s)?\. Full size: \[link\]\((\S+)\)$/.exec(
    answer.content[1]?.text ?? '',
  );
  const [, name, width, height, seconds, url] = said ?? [];
  return {
    ...(name === 'Output' ? {} : { asset_id: name }),
    ...{ url, width: Number(width), height: Number(height) },
    ...(seconds === undefined ? {} : { duration_seconds: Number(seconds) }),
  };
}
const picture = (width: number, height: number, channels: 3 | 4 = 3) =>
  sharp({ create: { width, height, channels, background: { r: 200, g: 100, b: 50, alpha: 0.5 } } });

/** The shown image's format, size and average colour. */
async function shown(answer: Awaited<ReturnType<typeof view>>) {
  const image = answer.content[0];
  const bytes = Buffer.from(image?.data ?? '', 'base64');
  const { width, height, format, hasAlpha } = await sharp(bytes).metadata();
  const { channels } = await sharp(bytes).stats();
  const means = channels.slice(0, 3).map(({ mean }) => mean);
  const strongest = means.indexOf(Math.max(...means));
  return {
    type: image?.mimeType,
    width,
    height,
    format,
    hasAlpha,
    colour: 'rgb'[strongest],
    bytes: bytes.length,
  };
}

describe('view_output of a picture', () => {
  it('shows it as a JPEG of 512 px and tells the size of the original', async () => {
    const id = await store(await picture(2000, 1000).png().toBuffer());

    const answer = await view({ asset_id: id });

    expect(await shown(answer)).toMatchObject({ type: 'image/jpeg', width: 512, height: 256 });
    expect(factsOf(answer)).toEqual({
      asset_id: id,
      url: expect.stringContaining(`/files/${id}/`),
      width: 2000,
      height: 1000,
    });
    expect(answer.content[1]?.text).toContain('2000 x 1000');
  });

  it('takes another size and never enlarges', async () => {
    const id = await store(await picture(100, 50).jpeg().toBuffer());

    expect(await shown(await view({ asset_id: id, max_px: 64 }))).toMatchObject({ width: 64, height: 32 });
    expect(await shown(await view({ asset_id: id, max_px: 1568 }))).toMatchObject({ width: 100, height: 50 });
  });

  it('keeps transparency in a small picture', async () => {
    const id = await store(await picture(300, 300, 4).webp().toBuffer());

    expect(await shown(await view({ asset_id: id }))).toMatchObject({ type: 'image/png', hasAlpha: true });
  });

  it('stays under 1 MB of base64 for the busiest picture', async () => {
    const noise = Buffer.from(Array.from({ length: 1600 * 1600 * 4 }, () => Math.random() * 256));
    const raw = { width: 1600, height: 1600, channels: 4 as const };
    const id = await store(await sharp(noise, { raw }).png({ compressionLevel: 0 }).toBuffer());

    const answer = await view({ asset_id: id, max_px: 1568 });

    expect(answer.content[0]?.data.length).toBeLessThan(1_000_000);
  });

  it('turns a photo as its EXIF says', async () => {
    const id = await store(await picture(400, 200).withMetadata({ orientation: 6 }).jpeg().toBuffer());

    const answer = await view({ asset_id: id });

    expect(factsOf(answer)).toMatchObject({ width: 200, height: 400 });
    expect(await shown(answer)).toMatchObject({ width: 200, height: 400 });
  });

  it.each([
    ['a decompression bomb', async () => bombPng()],
    ['a broken file', async () => Buffer.concat([(await picture(9, 9).png().toBuffer()).subarray(0, 30)])],
    ['text', async () => Buffer.from('hello')],
    ['SVG', async () => Buffer.from('<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>')],
    ['audio', async () => Buffer.from('ID3\x03\x00\x00\x00\x00\x00\x00'.padEnd(100, '\0'), 'latin1')],
    ['a PDF', async () => Buffer.from('%PDF-1.4 x')],
  ])('answers not_viewable with a next action for %s', async (_, bytes) => {
    const id = await store(await bytes());

    const { structuredContent, isError } = await view({ asset_id: id });

    expect(isError).toBe(true);
    expect(structuredContent.error).toMatchObject({ code: 'not_viewable', next_action: expect.any(String) });
  });

  it("answers another subject's asset as unknown", async () => {
    const id = await store(await picture(9, 9).png().toBuffer(), bob);

    const foreign = await view({ asset_id: id });
    const unknown = await view({ asset_id: 'asset_AAAAAAAAAAAAAAAAAAAAAA' });

    expect(foreign.structuredContent.error.code).toBe('asset_not_found');
    expect(foreign).toEqual(unknown);
  });

  it.each([{}, { run_id: 'run_1', asset_id: 'x' }])('refuses %j: exactly one of both', async (args) => {
    expect((await view(args)).structuredContent.error.code).toBe('validation_failed');
  });

  it('shows many at the same time, one after the other', async () => {
    const id = await store(await picture(800, 800).png().toBuffer());

    const answers = await Promise.all(Array.from({ length: 10 }, () => view({ asset_id: id })));

    expect(answers.every(({ isError }) => isError === undefined)).toBe(true);
  });
});

describe('view_output of a run', () => {
  it('shows an output by its index', async () => {
    const first = await store(await picture(10, 10).png().toBuffer());
    const second = await store(await picture(20, 20).png().toBuffer());
    outputs = [
      { index: 0, asset_id: first },
      { index: 1, asset_id: second },
    ];

    expect(factsOf(await view({ run_id: 'run_1' })).asset_id).toBe(first);
    expect(factsOf(await view({ run_id: 'run_1', index: 1 })).asset_id).toBe(second);
  });

  it('says how many outputs there are when the index is none of them', async () => {
    outputs = [];

    const { error } = (await view({ run_id: 'run_1', index: 3 })).structuredContent;

    expect(error).toMatchObject({ code: 'asset_not_found', message: expect.stringContaining('0 output') });
  });

  it('passes on that there is no such run', async () => {
    expect((await view({ run_id: 'run_2' })).structuredContent.error.code).toBe('run_not_found');
  });

  it('sends the reader of a text output to get_run', async () => {
    outputs = [{ index: 0, kind: 'text', text: 'hello' }];

    const { error } = (await view({ run_id: 'run_1' })).structuredContent;

    expect(error).toMatchObject({ code: 'not_viewable', next_action: expect.stringContaining('get_run') });
  });

  it('shows an output that only its provider holds, without storing it', async () => {
    const bytes = await picture(30, 20).png().toBuffer();
    const server = createServer((_request, response) => response.end(bytes));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    // as: a TCP server that listens has such an address.
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/x.png`;
    outputs = [{ index: 0, url }];
    const before = await upload.keys();

    const answer = await view({ run_id: 'run_1' });

    expect(factsOf(answer)).toEqual({ url, width: 30, height: 20 });
    expect(await upload.keys()).toEqual(before);
    server.close();
  });

  it('reaches no private address for an output', async () => {
    outputs = [{ index: 0, url: 'http://169.254.169.254/latest' }];

    expect((await view({ run_id: 'run_1' })).structuredContent.error.code).toBe('url_rejected');
  });
});

describe('view_output of a video', () => {
  it.each([
    [undefined, 'r'],
    [0.5, 'r'],
    [1.5, 'g'],
    [2.9, 'b'],
    [99, 'b'],
  ])('shows the frame at %s s', async (atSeconds, colour) => {
    const id = await store(video);

    const answer = await view({
      asset_id: id,
      ...(atSeconds === undefined ? {} : { at_seconds: atSeconds }),
    });

    expect(await shown(answer)).toMatchObject({ colour, width: 200, height: 120, type: 'image/jpeg' });
    expect(factsOf(answer)).toMatchObject({ width: 200, height: 120, duration_seconds: 3 });
    expect(answer.content[1]?.text).toContain('3 s');
  });

  it('answers not_viewable for another H.264 profile where there is no ffmpeg', async () => {
    const id = await store(withProfile(video, 100));

    const { error } = (await view({ asset_id: id })).structuredContent;

    expect(error).toMatchObject({ code: 'not_viewable', next_action: expect.stringContaining('ffmpeg') });
  });

  it('answers not_viewable for a video that is cut off anywhere', async () => {
    for (const length of [100, video.length >> 1, video.indexOf('moov') + 200]) {
      const id = await store(video.subarray(0, length));

      expect((await view({ asset_id: id })).structuredContent.error.code).toBe('not_viewable');
    }
  });

  it('answers or refuses, and never breaks, whatever byte of the index is wrong', {
    timeout: 60_000,
  }, async () => {
    const moov = video.indexOf('moov');
    const codes = new Set<string>();
    for (let step = 0; step < 20; step += 1) {
      const broken = Buffer.from(video);
      broken.fill(0xff, moov + 8 + step * 40, moov + 8 + step * 40 + 2);
      const answer = await view({ asset_id: await store(broken), at_seconds: 1 });
      codes.add(answer.isError === true ? answer.structuredContent.error.code : 'shown');
    }

    expect([...codes].filter((code) => code !== 'shown' && code !== 'not_viewable')).toEqual([]);
  });

  it('gives an installed ffmpeg the units of the frame, and nothing of our environment', async () => {
    const folder = await mkdtemp(path.join(tmpdir(), 'inferry-ffmpeg-'));
    const program = path.join(folder, 'ffmpeg');
    await picture(200, 120).png().toFile(path.join(folder, 'frame.png'));
    const script = `#!/bin/sh\n/usr/bin/env > ${folder}/env\necho "$@" > ${folder}/arguments\n/bin/cat > ${folder}/stdin\n/bin/cat ${folder}/frame.png\n`;
    await writeFile(program, script);
    await chmod(program, 0o755);
    const own = await startUpload({ ffmpegPath: program });

    const answer = await view(
      { asset_id: await store(withProfile(video, 100), alice, own), at_seconds: 1.5 },
      own,
    );

    expect(factsOf(answer)).toMatchObject({ width: 200, height: 120, duration_seconds: 3 });
    expect(await readFile(path.join(folder, 'arguments'), 'utf8')).toMatch(
      /-f h264 -i pipe:0 .*gte\(n\\,15\)/,
    );
    expect((await readFile(path.join(folder, 'stdin'))).subarray(0, 5)).toEqual(
      Buffer.from([0, 0, 0, 1, 0x67]),
    );
    expect(await readFile(path.join(folder, 'env'), 'utf8')).not.toContain('HOME');
    await own.close();
    await rm(folder, { recursive: true });
  });
});

function withProfile(bytes: Buffer, profile: number): Buffer {
  const changed = Buffer.from(bytes);
  changed[changed.indexOf('avcC') + 5] = profile;
  return changed;
}

/** A PNG that says it has 30,000 x 30,000 pixels. */
async function bombPng(): Promise<Buffer> {
  const bytes = await picture(10, 10).png().toBuffer();
  bytes.writeUInt32BE(30_000, 16);
  bytes.writeUInt32BE(30_000, 20);
  return bytes;
}
