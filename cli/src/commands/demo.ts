import { stat } from 'node:fs/promises';
import { basename, extname, join, resolve } from 'node:path';
import type { WriteStream } from 'node:tty';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { AppError, type JsonObject } from '@inferry/contracts';
import { type Env, speaking } from '@inferry/runtime';
import { printJson } from '../print-json.ts';
import { createProgressView } from './progress-view.ts';
import {
  connectServer,
  follow,
  type RunView,
  saveFile,
  type ToolClient,
  toldCost,
  upload,
} from './tool-client.ts';

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
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: { json: { type: 'boolean', default: false } },
  });
  const show: Show = { out: values.json ? process.stderr : process.stdout, runs: [] };
  const say = sayTo(show);
  const url = env.INFERRY_URL || `http://127.0.0.1:${env.PORT || '8080'}/mcp`;
  let client: ToolClient | undefined;
  try {
    client = await connectServer(url, env.INFERRY_KEY || undefined);
    say(`Connected to ${url}`);
    await enlarge(client, positionals[0], show);
    await speak(client, show);
    await summarize(client, show);
    return values.json ? printJson({ url, runs: show.runs }) : 0;
  } catch (error) {
    const reason = error instanceof Error ? error.message : 'for an unknown reason';
    const next = error instanceof AppError && error.nextAction !== undefined ? ` ${error.nextAction}` : '';
    speaking(process.stderr, env).write(`\nThe demo failed: ${reason}${next}\n`);
    return 1;
  } finally {
    await client?.close();
  }
}

async function enlarge(client: ToolClient, picture: string | undefined, show: Show): Promise<void> {
  const say = sayTo(show);
  const file = picture === undefined ? fileURLToPath(ownPicture) : resolve(picture);
  const name = basename(file);
  const { size } = await stat(file).catch(() => {
    throw new AppError('not_found', `cannot read ${picture}: give the path of a PNG, JPEG or WebP picture`);
  });
  say(`\n1. A picture, twice as large: ${name} (${size} bytes)`);
  const assetId = await upload(client, file);
  say(`   Uploaded as ${assetId}`);
  const input = { image: assetId };
  const quote = await client.call('estimate_cost', { model: 'local/upscale-2x', input });
  say(`   Estimated cost: ${quote.max === 0 ? 'free' : `${quote.max} ${quote.currency}`}`);
  await runAndSave(client, 'local/upscale-2x', {
    ...{ show, input },
    save: `${basename(name, extname(name))}-2x.png`,
    before: size,
  });
}

async function speak(client: ToolClient, show: Show): Promise<void> {
  sayTo(show)(`\n2. A sentence, spoken: "${sentence}"`);
  await runAndSave(client, 'local/speech', { show, input: { text: sentence }, save: 'spoken.wav' });
}

async function summarize(client: ToolClient, show: Show): Promise<void> {
  const say = sayTo(show);
  say('\n3. A text, summarised');
  const run = await runToEnd(client, 'local/summarize', { show, input: { text: article } });
  show.runs.push({ run });
  say(`   ${run.outputs?.[0]?.text ?? ''}`);
  say(`   ${toldCost(run)}`);
}

async function runToEnd(
  client: ToolClient,
  model: string,
  { show, input }: { show: Show; input: JsonObject },
): Promise<RunView> {
  const view = createProgressView(show.out);
  const run = await follow(client, await client.call('run_model', { model, input }, { view }), { view });
  if (run.status === 'succeeded') return run;
  throw new AppError('upstream_failed', `${model} ended as ${run.status} (run ${run.run_id})`);
}

async function runAndSave(
  client: ToolClient,
  model: string,
  { show, input, save, before }: { show: Show; input: JsonObject; save: string; before?: number },
): Promise<void> {
  const say = sayTo(show);
  const run = await runToEnd(client, model, { show, input });
  const url = run.outputs?.[0]?.url;
  if (url === undefined) throw new AppError('upstream_failed', `${model} succeeded without an output`);
  const path = await saveFile(url, join(process.cwd(), 'demo-output', save));
  const { size } = await stat(path);
  show.runs.push({ run, saved: path, bytes: size });
  say(`   ${path}`);
  say(
    `   ${before === undefined ? '' : `${before} bytes before, `}${size} bytes${before === undefined ? '' : ' after'}, ${toldCost(run)}`,
  );
}

/** What is said meanwhile, and what `--json` says at the end. */
interface Show {
  out: WriteStream;
  runs: { run: RunView; saved?: string; bytes?: number }[];
}

function sayTo({ out }: Show): (line: string) => void {
  return (line) => {
    out.write(`${line}\n`);
  };
}
