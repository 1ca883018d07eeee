import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import {
  AppError,
  callOf,
  hint,
  isObject,
  JsonTooLarge,
  readJson as parse,
  type ReadJsonOptions,
  searchModels,
} from '@inferry/contracts';
import type { ListReader } from '../http/index.ts';
import { builtInWorkflows } from './built-in.ts';
import { Graph, SideFile, type WorkflowFile } from './wire.ts';

const maxFiles = 1_000;
const maxBytes = 4 << 20;
const maxDepth = 4;
const sideEnding = '.meta.json';

/** Every workflow of a folder, or the examples; a file that is none is left out, and the log says why. */
export async function readWorkflows(
  folder: string | undefined,
  lists: ListReader,
): Promise<readonly WorkflowFile[]> {
  if (folder === undefined) return builtInWorkflows;
  const names = await namesIn(folder, [], lists).catch((cause: unknown) => {
    throw new AppError('unavailable', 'The folder of COMFYUI_WORKFLOWS cannot be read.', { cause });
  });
  const workflows: WorkflowFile[] = [];
  for (const name of names.slice(0, maxFiles)) {
    try {
      workflows.push(await readWorkflow(folder, name));
    } catch (error) {
      // One broken file takes no other workflow away; whoever asks for it by name is told what is wrong.
      if (!(error instanceof AppError)) throw error;
      lists.skip(`${decodeURIComponent(name)}.json`, error.message);
    }
  }
  for (const name of names.slice(maxFiles)) lists.skip(`${name}.json`, `only ${maxFiles} files are read`);
  return workflows;
}

/** One workflow by its name, which comes from a caller. */
export async function readWorkflow(folder: string | undefined, name: string): Promise<WorkflowFile> {
  if (folder === undefined) {
    const known = builtInWorkflows.find((workflow) => workflow.name === name);
    if (known === undefined) throw unknown();
    return known;
  }
  const parts = name.split('/').map(decoded);
  if (parts.length > maxDepth || !parts.every(isNamePart)) throw unknown();
  const path = join(folder, ...parts);
  const graph = toGraph(await readJson(`${path}.json`, { integers: 'exact' }));
  const side = await readJson(`${path}${sideEnding}`).catch((error: unknown) => {
    if (error instanceof AppError && error.code === 'model_not_found') return {};
    throw error;
  });
  const parsed = SideFile.safeParse(side);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw new AppError('internal', `${name}${sideEnding}: ${issue?.path.join('.')}: ${issue?.message}`);
  }
  return { name, graph, side: parsed.data };
}

/** The graph of a file: in API format by itself, or as the body of a request that was saved. */
function toGraph(file: unknown): Graph {
  const inner =
    isObject(file) && isObject(file.prompt) && !('class_type' in file.prompt) ? file.prompt : file;
  const graph = Graph.safeParse(inner);
  if (graph.success && Object.keys(graph.data).length > 0) return graph.data;
  const isOfEditor = isObject(file) && Array.isArray(file.nodes);
  throw new AppError(
    'model_not_found',
    isOfEditor
      ? 'This is a workflow in the format of the editor, which lacks what the API needs.'
      : 'This file is no workflow in API format.',
    { nextAction: 'In ComfyUI, export it with "Export (API)".' },
  );
}

/** A part of an id as the file system has it. */
function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    // A stray percent sign: there is no such file.
    throw unknown();
  }
}

/** A name of one folder or file, and nothing that leads out of it. */
function isNamePart(part: string): boolean {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is refused.
  return part.length <= 100 && part.trim() !== '' && !/^[.~]|[/\\:*?"<>|\u0000-\u001f\u007f]/.test(part);
}

/** Ids hold visible ASCII: the rest of a name is percent-encoded in them. */
function toId(part: string): string {
  return part.replace(/[^A-Za-z0-9_.+()-]/gu, (character) => encodeURIComponent(character));
}

async function namesIn(folder: string, below: readonly string[], lists: ListReader): Promise<string[]> {
  if (below.length >= maxDepth) return [];
  const entries = await readdir(join(folder, ...below.map(decoded)), { withFileTypes: true });
  const found: string[] = [];
  for (const entry of entries.sort((left, right) => (left.name < right.name ? -1 : 1))) {
    if (entry.isDirectory() && isNamePart(entry.name)) {
      found.push(...(await namesIn(folder, [...below, toId(entry.name)], lists)));
    } else if (isWorkflowFile(entry)) found.push(...idOfFile(entry.name, below, lists));
  }
  return found;
}

function isWorkflowFile(entry: { name: string; isFile(): boolean }): boolean {
  return entry.isFile() && entry.name.endsWith('.json') && !entry.name.endsWith(sideEnding);
}

function idOfFile(fileName: string, below: readonly string[], lists: ListReader): string[] {
  const name = fileName.slice(0, -'.json'.length);
  if (!isNamePart(name)) {
    lists.skip(fileName, 'its name has marks that no id can hold, or is too long');
    return [];
  }
  const id = [...below, toId(name)].join('/');
  if (toId(name) !== name) lists.rename(fileName, id);
  return [id];
}

async function readJson(path: string, options: ReadJsonOptions = {}): Promise<unknown> {
  try {
    const { size } = await stat(path);
    if (size > maxBytes) throw new AppError('internal', 'is larger than 4 MB');
    return parse(await readFile(path, 'utf8'), { isLenient: true, ...options });
  } catch (error) {
    if (error instanceof SyntaxError) throw new AppError('internal', 'is no JSON', { cause: error });
    if (error instanceof JsonTooLarge) throw new AppError('internal', error.message, { cause: error });
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') throw unknown();
    throw error;
  }
}

function unknown(): AppError {
  return new AppError('model_not_found', 'There is no workflow of this name.', {
    nextAction: hint`Find one with ${callOf(searchModels)}.`,
  });
}
