/** `inferry models`, `run` and `runs`: what an agent does with the tools, for a person at a terminal. */
import { stat } from 'node:fs/promises';
import { basename, extname, join, resolve } from 'node:path';
import { AppError, isObject, type JsonObject } from '@inferry/contracts';
import { ConfigError, type Env } from '@inferry/runtime';
import { Command } from 'commander';
import { printJson } from '../print-json.ts';
import { parseOptions } from './installer-options.ts';
import {
  type ModelsOptions,
  modelsOptions,
  type RunOptions,
  type RunsOptions,
  runOptions,
  runsOptions,
} from './model-options.ts';
import { createProgressView } from './progress-view.ts';
import {
  connectTools,
  follow,
  type RunView,
  saveFile,
  type ToolClient,
  toldCost,
  upload,
} from './tool-client.ts';

export async function models(args: readonly string[], env: Env): Promise<number> {
  const command = modelsOptions(new Command('models'));
  const options = await parseOptions<ModelsOptions>(command, args);
  const [first = ''] = command.args;
  const isId = command.args.length === 1 && first.includes('/');
  return withTools(env, options.url, (client) =>
    isId ? showModel(client, first, options) : findModels(client, command.args.join(' '), options),
  );
}

async function findModels(
  client: ToolClient,
  query: string,
  { json, ...filters }: ModelsOptions,
): Promise<number> {
  const { provider, category, limit } = filters;
  const found = await client.call(
    'search_models',
    given({ limit, query: query || undefined, provider, category }),
  );
  if (json) return printJson(found);
  const items = Array.isArray(found.items) ? found.items.filter(isObject) : [];
  for (const item of items) print(lineOf(item));
  if (items.length === 0) print(String(found.hint ?? 'No model fits.'));
  return items.length === 0 ? 1 : 0;
}

function lineOf({ model, summary, price, connected }: JsonObject): string {
  const key = connected === false ? ' (its platform needs a key)' : '';
  const facts = [summary, price].filter((fact) => typeof fact === 'string' && fact !== '');
  return `${String(model).padEnd(34)} ${facts.join('; ')}${key}`.trimEnd();
}

/** What was given of it. */
function given(args: JsonObject): JsonObject {
  return Object.fromEntries(Object.entries(args).filter(([, value]) => value !== undefined));
}

async function showModel(client: ToolClient, model: string, { json }: ModelsOptions): Promise<number> {
  const found = await client.call('get_model', {
    model,
    sections: ['summary', 'inputs', 'pricing'],
    max_chars: 20_000,
  });
  if (json) return printJson(found);
  const known = isObject(found.model) ? found.model : {};
  print(`${String(known.model ?? model)}: ${String(known.summary ?? known.title ?? '')}`);
  for (const { name, type, required, description, is_file: isFile } of inputsOf(found)) {
    const kind = isFile === true ? '@file' : String(type ?? 'value');
    print(
      `  ${`${String(name)}=<${kind}>`.padEnd(30)} ${required === true ? 'required. ' : ''}${String(description ?? '')}`,
    );
  }
  return 0;
}

function inputsOf(found: JsonObject): JsonObject[] {
  return Array.isArray(found.inputs) ? found.inputs.filter(isObject) : [];
}

export async function run(args: readonly string[], env: Env): Promise<number> {
  const command = runOptions(new Command('run'));
  const options = await parseOptions<RunOptions>(command, args);
  const [model = '', ...words] = command.args;
  const inputs = await readInputs(words);
  return withTools(env, options.url, async (client, signal) => {
    const input = await toInput(client, { model, inputs });
    const view = createProgressView(process.stderr);
    const { maxCost: max_cost, ref: client_ref, dryRun, wait } = options;
    const order = given({ model, input, max_cost, client_ref });
    const limits = { ...(dryRun && { dry_run: true }), ...(!wait && { wait_seconds: 0 }) };
    const first = await client.call('run_model', { ...order, ...limits }, { view, signal });
    view.end();
    if (dryRun) return tellQuote(first, options);
    // as: the shape of the `run` object in docs/tools.md.
    const ended = wait ? await follow(client, first, { view, signal }) : (first.run as RunView);
    return finish(client, ended, { ...options, out: options.save ? options.out : undefined });
  });
}

function tellQuote(answer: JsonObject, { json }: RunOptions): number {
  if (json) return printJson(answer);
  const { max, currency } = isObject(answer.quote) ? answer.quote : {};
  const price = max === 0 ? 'nothing' : `at most ${max} ${currency}`;
  print(`The input is valid. ${max === undefined ? 'What it costs is not known' : `It costs ${price}`}.`);
  return 0;
}

export async function runs(args: readonly string[], env: Env): Promise<number> {
  const command = runsOptions(new Command('runs'));
  const options = await parseOptions<RunsOptions>(command, args);
  const [id] = command.args;
  if (id === undefined && (options.cancel || options.out !== undefined)) {
    throw new ConfigError([
      `${options.cancel ? '--cancel' : '--out'}: the id of a run is needed; inferry runs lists them`,
    ]);
  }
  return withTools(env, options.url, async (client) => {
    if (id === undefined) return listRuns(client, options);
    if (options.cancel) await client.call('cancel_run', { run_id: id });
    const found = await client.call('get_run', { run_id: id });
    // as: the shape of the `run` object in docs/tools.md.
    return finish(client, found.run as RunView, options);
  });
}

async function listRuns(client: ToolClient, { json, limit, status, model }: RunsOptions): Promise<number> {
  const found = await client.call('list_runs', given({ limit, status, model }));
  if (json) return printJson(found);
  // as: the shape of `items` in docs/tools.md.
  const items = Array.isArray(found.items) ? (found.items as RunView[]) : [];
  for (const one of items) {
    const facts = [one.status.padEnd(9), one.created_at ?? '', (one.model ?? '').padEnd(30), toldCost(one)];
    print([one.run_id, ...facts].join('  '));
  }
  if (items.length === 0) print(String(found.hint ?? 'There are no runs.'));
  return 0;
}

/** What came of a run, its files saved: 0 unless it ended without success. */
async function finish(
  client: ToolClient,
  ended: RunView,
  { json, out }: { json: boolean; out?: string | undefined },
): Promise<number> {
  const saved = out === undefined || !isOver(ended) ? [] : await saveAll(ended, out);
  if (json) printJson({ run: ended, saved });
  else tellRun(await withWholeTexts(client, ended), saved);
  return isOver(ended) && ended.status !== 'succeeded' ? 1 : 0;
}

/** What it made to stdout, and what is to be said of it to stderr. */
function tellRun(ended: RunView, saved: readonly string[]): void {
  for (const { text, url } of ended.outputs ?? []) {
    const line = text ?? (saved.length === 0 ? url : undefined);
    if (line !== undefined) print(line);
  }
  for (const line of saved) print(line);
  for (const line of [...(ended.notes ?? []), endOf(ended)]) process.stderr.write(`${line}\n`);
}

function isOver({ status }: RunView): boolean {
  return status !== 'queued' && status !== 'running';
}

function endOf(ended: RunView): string {
  const { run_id: id, status, error } = ended;
  if (!isOver(ended)) return `${id} is ${status}: inferry runs ${id} tells when it has ended.`;
  if (status === 'succeeded') return `${toldCost(ended)} (${id})`;
  return [`${id} is ${status}.`, error?.message, error?.next_action].filter(Boolean).join(' ');
}

/** Long texts are cut in an answer; here nobody counts tokens. */
async function withWholeTexts(client: ToolClient, ended: RunView): Promise<RunView> {
  if (!(ended.outputs ?? []).some(({ truncated }) => truncated === true)) return ended;
  const found = await client.call('get_run', { run_id: ended.run_id, max_chars: 60_000 });
  return found.run as RunView;
}

async function saveAll({ outputs = [], run_id: id }: RunView, folder: string): Promise<string[]> {
  const saved: string[] = [];
  for (const { url, index = saved.length } of outputs) {
    if (url === undefined) continue;
    const name = basename(decodeURIComponent(new URL(url).pathname)) || `${id}-${index}`;
    saved.push(await saveFile(url, await freePath(resolve(folder), name)));
  }
  return saved;
}

/** Nothing that is there is written over. */
async function freePath(folder: string, name: string): Promise<string> {
  const end = extname(name);
  for (let number = 1; ; number += 1) {
    const path = join(
      folder,
      number === 1 ? name : `${name.slice(0, name.length - end.length)}-${number}${end}`,
    );
    if ((await stat(path).catch(() => undefined)) === undefined) return path;
  }
}

interface Inputs {
  values: ReadonlyMap<string, unknown>;
  files: ReadonlyMap<string, string>;
  /** Without a name. */
  loose: readonly string[];
}

/** What the words say, before anything is started: a file that is not there is told at once. */
async function readInputs(words: readonly string[]): Promise<Inputs> {
  const values = new Map<string, unknown>();
  const files = new Map<string, string>();
  const loose: string[] = [];
  for (const word of words) {
    const [, name, value = ''] = /^([^=@][^=]*)=([\s\S]*)$/.exec(word) ?? [];
    const path = pathIn(name === undefined ? word : value);
    if (path !== undefined) await checkFile(path);
    if (name === undefined && path === undefined) {
      throw new ConfigError([`${word.slice(0, 60)}: inputs are key=value, key=@file or @file`]);
    }
    if (name === undefined) loose.push(path ?? '');
    else if (path === undefined) values.set(name, toValue(value));
    else files.set(name, path);
  }
  return { values, files, loose };
}

/** `@@` begins a text with that sign. */
function pathIn(value: string): string | undefined {
  return value.startsWith('@') && !value.startsWith('@@') && value.length > 1 ? value.slice(1) : undefined;
}

async function checkFile(path: string): Promise<void> {
  const facts = await stat(path).catch(() => undefined);
  if (facts?.isFile() !== true)
    throw new ConfigError([`@${path}: there is no such file (text that begins with @ is written with @@)`]);
}

/** Numbers and words are made fit where they are checked; lists and objects are JSON. */
function toValue(value: string): unknown {
  if (value.startsWith('@@')) return value.slice(1);
  if (!/^[[{]/.test(value)) return value;
  try {
    return JSON.parse(value);
  } catch {
    // Text that begins like it.
    return value;
  }
}

async function toInput(
  client: ToolClient,
  { model, inputs: { values, files, loose } }: { model: string; inputs: Inputs },
): Promise<JsonObject> {
  const named = new Map(files);
  if (loose.length > 0) {
    const found = await client.call('get_model', { model, sections: ['inputs'], max_chars: 20_000 });
    const free = inputsOf(found)
      .filter(
        ({ name, is_file: isFile }) =>
          isFile === true && !named.has(String(name)) && !values.has(String(name)),
      )
      .map(({ name }) => String(name));
    for (const [at, path] of loose.entries()) {
      const name = free[at];
      if (name === undefined)
        throw new AppError('validation_failed', `${model} takes no further file: @${path}`);
      named.set(name, path);
    }
  }
  const input: JsonObject = Object.fromEntries(values);
  for (const [name, path] of named) input[name] = await upload(client, path);
  return input;
}

/** Ctrl-C ends the wait and not the run. */
async function withTools(
  env: Env,
  url: string | undefined,
  work: (client: ToolClient, signal: AbortSignal) => Promise<number>,
): Promise<number> {
  const client = await connectTools(env, url);
  const stopped = new AbortController();
  const stop = () => stopped.abort();
  for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, stop);
  try {
    return await work(client, stopped.signal);
  } catch (error) {
    if (!stopped.signal.aborted) throw error;
    process.stderr.write('\nStopped waiting. A run that was started goes on: inferry runs lists it.\n');
    return 130;
  } finally {
    for (const name of ['SIGINT', 'SIGTERM'] as const) process.off(name, stop);
    await client.close();
  }
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}
