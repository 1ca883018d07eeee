import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { basename, extname, join, resolve } from 'node:path';
import type { Env } from '@inferry/runtime';
import { connectDemoClient, type DemoClient, DemoError } from './demo-client.ts';
import { createProgressView } from './progress-view.ts';

const ownPicture = new URL('../../assets/demo.jpg', import.meta.url);
const sentence = 'Inferry runs real models on this machine, and no key was needed to say so.';
const article =
  'The Model Context Protocol lets an assistant call tools that live elsewhere. A gateway sits between the assistant ' +
  'and the platforms that run models. It checks every input before money moves, and it keeps each run in a database, ' +
  'so that a crash loses nothing. When a run takes minutes, the gateway reports progress and hands back a handle. The ' +
  'assistant can come back later and ask for the result. Outputs are kept as files with stable links, because links ' +
  'of platforms expire. All of this works on a laptop as well as on a cluster.';

/** `npm run demo [picture]`: the main job through a real MCP client; exit code 1 and the reason if a step fails. */
export async function demo(args: readonly string[], env: Env): Promise<number> {
  const url = env.INFERRY_URL || `http://127.0.0.1:${env.PORT || '8080'}/mcp`;
  let client: DemoClient | undefined;
  try {
    client = await connectDemoClient(url, env.INFERRY_KEY || undefined);
    say(`Connected to ${url}`);
    await enlarge(client, args[0]);
    await speak(client);
    await summarize(client);
    return 0;
  } catch (error) {
    process.stderr.write(`\nThe demo failed: ${reasonOf(error, url)}\n`);
    return 1;
  } finally {
    await client?.close();
  }
}

async function enlarge(client: DemoClient, picture: string | undefined): Promise<void> {
  const file = picture === undefined ? ownPicture : resolve(picture);
  const name = picture === undefined ? 'demo.jpg' : basename(picture);
  const bytes = await readFile(file).catch(() => {
    throw new DemoError(`cannot read ${picture}: give the path of a PNG, JPEG or WebP picture`);
  });
  say(`\n1. A picture, twice as large: ${name} (${bytes.length} bytes)`);
  const assetId = await upload(client, name, bytes);
  const input = { image: assetId };
  const quote = await client.call('estimate_cost', { model: 'local/upscale-2x', input });
  say(
    `   Estimated cost: ${quote.structured.max === 0 ? 'free' : `${quote.structured.max} ${quote.structured.currency}`}`,
  );
  await runAndSave(client, 'local/upscale-2x', {
    input,
    save: `${basename(name, extname(name))}-2x.png`,
    before: bytes.length,
  });
}

/** The file goes straight from this machine to the data plane: never through the conversation. */
async function upload(client: DemoClient, name: string, bytes: Buffer): Promise<string> {
  const { structured } = await client.call('create_upload', { file_name: name, size: bytes.length });
  const { upload_url: url, part_url: partUrl, part_count: count = 1 } = structured;
  const targets = Array.from({ length: Number(count) }, (_, index) =>
    partUrl === undefined ? String(url) : String(partUrl).replace('{part}', String(index + 1)),
  );
  const partBytes = Number(structured.part_bytes ?? Math.max(1, bytes.length));
  for (const [index, url] of targets.entries()) {
    const body = new Uint8Array(bytes.subarray(index * partBytes, (index + 1) * partBytes));
    const response = await fetch(url, {
      method: 'PUT',
      headers: structured.headers as Record<string, string>,
      body,
    });
    if (!response.ok)
      throw new DemoError(
        `the upload was answered ${response.status}: ${(await response.text()).slice(0, 300)}`,
      );
  }
  say(`   Uploaded as ${structured.asset_id}`);
  return String(structured.asset_id);
}

async function speak(client: DemoClient): Promise<void> {
  say(`\n2. A sentence, spoken: "${sentence}"`);
  await runAndSave(client, 'local/speech', { input: { text: sentence }, save: 'spoken.wav' });
}

async function summarize(client: DemoClient): Promise<void> {
  say('\n3. A text, summarised');
  const run = await client.run('local/summarize', { text: article }, createProgressView(process.stdout));
  say(`   ${run.outputs[0]?.text ?? ''}`);
  say(`   ${run.seconds} s, ${run.cost}`);
}

async function runAndSave(
  client: DemoClient,
  model: string,
  { input, save, before }: { input: Record<string, unknown>; save: string; before?: number },
): Promise<void> {
  const run = await client.run(model, input, createProgressView(process.stdout));
  const url = run.outputs[0]?.url;
  if (url === undefined) throw new DemoError(`${model} succeeded without an output`);
  const response = await fetch(url);
  if (!response.ok) throw new DemoError(`the result's link was answered ${response.status}`);
  const result = new Uint8Array(await response.arrayBuffer());
  const folder = join(process.cwd(), 'demo-output');
  await mkdir(folder, { recursive: true });
  const path = join(folder, save);
  await writeFile(path, result);
  const sizes =
    before === undefined ? `${result.length} bytes` : `${before} bytes before, ${result.length} bytes after`;
  say(`   ${path}`);
  say(`   ${sizes}, ${run.seconds} s, ${run.cost}`);
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

function reasonOf(error: unknown, url: string): string {
  if (error instanceof DemoError) return error.message;
  const text =
    error instanceof Error
      ? `${error.message} ${error.cause instanceof Error ? error.cause.message : ''}`
      : '';
  if (/ECONNREFUSED|fetch failed/.test(text)) return `nothing answers at ${url}. Start it first: npm start`;
  return text.trim() || 'for an unknown reason';
}
