import { createHash, randomBytes } from 'node:crypto';
import { createReadStream, createWriteStream, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { createUpload } from '@inferry/contracts';
import { freePort } from '@inferry/testing';
import fastify from 'fastify';
import { residentMib, startNode, stop } from './processes.ts';
import { type BenchResult, median, round } from './report.ts';

const sizeBytes = 128 * 1_048_576;
const rounds = 3;

/** Upload and download through the data plane beside plain Fastify streaming of the same bytes to and from disk. */
export async function transfer(): Promise<BenchResult> {
  const folder = mkdtempSync(join(tmpdir(), 'inferry-bench-'));
  const plain = await startPlain(join(folder, 'plain.bin'));
  const port = await freePort();
  const main = join(import.meta.dirname, '..', 'cli', 'src', 'main.ts');
  const env = { INFERRY_HOME: join(folder, 'home'), PORT: String(port) };
  const { child } = await startNode([main, 'start'], { env, until: /ready/ });
  const body = randomBytes(sizeBytes);
  const rows: { up: number; down: number; plainUp: number; plainDown: number }[] = [];
  let peakMib = 0;
  const idleMib = residentMib(child.pid);
  const watch = setInterval(() => (peakMib = Math.max(peakMib, residentMib(child.pid))), 20);
  for (let index = 0; index < rounds; index += 1) {
    // Different bytes each time: the same ones would not be stored twice.
    body.writeUInt32LE(index, 0);
    const target = await openUpload(port, body.length);
    rows.push({
      up: await put(target.upload, body, target.headers),
      down: await get(target.file),
      plainUp: await put(plain.url, body, {}),
      plainDown: await get(plain.url),
    });
  }
  clearInterval(watch);
  await stop(child);
  await plain.close();
  rmSync(folder, { recursive: true, force: true });
  return report(rows, { idleMib, peakMib });
}

function report(
  rows: readonly { up: number; down: number; plainUp: number; plainDown: number }[],
  memory: { idleMib: number; peakMib: number },
): BenchResult {
  const mib = sizeBytes / 1_048_576;
  const figures = {
    upload_mib_s: round(mib / median(rows.map(({ up }) => up)), 0),
    download_mib_s: round(mib / median(rows.map(({ down }) => down)), 0),
    plain_upload_mib_s: round(mib / median(rows.map(({ plainUp }) => plainUp)), 0),
    plain_download_mib_s: round(mib / median(rows.map(({ plainDown }) => plainDown)), 0),
    ratio_upload: round(median(rows.map(({ up, plainUp }) => plainUp / up))),
    ratio_download: round(median(rows.map(({ down, plainDown }) => plainDown / down))),
    idle_mib: round(memory.idleMib, 0),
    peak_mib: round(memory.peakMib, 0),
  };
  return {
    figures,
    lines: [
      `upload   ${figures.upload_mib_s} MiB/s, plain Fastify with SHA-256 ${figures.plain_upload_mib_s} MiB/s, ratio ${figures.ratio_upload} (aim 0.7)`,
      `download ${figures.download_mib_s} MiB/s, plain Fastify ${figures.plain_download_mib_s} MiB/s, ratio ${figures.ratio_download} (aim 0.7)`,
      `memory   idle ${figures.idle_mib} MiB, peak ${figures.peak_mib} MiB while ${mib} MiB files pass`,
    ],
  };
}

async function startPlain(file: string): Promise<{ url: string; close(): Promise<void> }> {
  const app = fastify({ bodyLimit: 2 ** 31 });
  app.addContentTypeParser('*', (_request, payload, done) => done(null, payload));
  app.put('/plain', async (request) => {
    const hash = createHash('sha256');
    const source = request.raw;
    source.on('data', (chunk: Buffer) => hash.update(chunk));
    await pipeline(source, createWriteStream(file));
    return { sha256: hash.digest('hex') };
  });
  app.get('/plain', (_request, reply) => reply.type('application/octet-stream').send(createReadStream(file)));
  const url = await app.listen({ host: '127.0.0.1', port: 0 });
  return { url: `${url}/plain`, close: () => app.close() };
}

async function openUpload(
  port: number,
  size: number,
): Promise<{ upload: string; file: string; headers: Record<string, string> }> {
  const params = {
    name: createUpload.name,
    arguments: { file_name: 'bench.bin', content_type: 'application/octet-stream' },
  };
  const response = await fetch(`http://127.0.0.1:${port}/mcp`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', accept: 'application/json' },
    body: JSON.stringify({ jsonrpc: '2.0', id: size, method: 'tools/call', params }),
  });
  // as: the result of create_upload in docs/tools.md.
  const { result } = (await response.json()) as {
    result: { structuredContent: { upload_url: string; file_url: string; headers: Record<string, string> } };
  };
  const { upload_url: upload, file_url: file, headers } = result.structuredContent;
  return { upload, file, headers };
}

async function put(url: string, body: Buffer, headers: Record<string, string>): Promise<number> {
  const startedAt = performance.now();
  const response = await fetch(url, {
    method: 'PUT',
    headers: { 'content-type': 'application/octet-stream', ...headers },
    body: new Uint8Array(body.buffer, body.byteOffset, body.length),
  });
  await response.arrayBuffer();
  if (!response.ok) throw new Error(`PUT was answered ${response.status}`);
  return (performance.now() - startedAt) / 1_000;
}

async function get(url: string): Promise<number> {
  const startedAt = performance.now();
  const response = await fetch(url);
  let received = 0;
  for await (const chunk of response.body ?? []) received += chunk.length;
  if (received !== sizeBytes) throw new Error(`GET gave ${received} bytes`);
  return (performance.now() - startedAt) / 1_000;
}
