import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { AppError } from '@inferry/contracts';
import { builtInWorkflows } from './built-in.ts';
import { Graph, SideFile, type WorkflowFile } from './wire.ts';

const maxFiles = 1_000;
const maxBytes = 4 << 20;
const maxDepth = 4;
const namePart = /^[A-Za-z0-9][\w.+-]{0,99}$/;
const sideEnding = '.meta.json';

/** Every workflow of a folder, or the examples; a file that is none is left out. */
export async function readWorkflows(folder: string | undefined): Promise<readonly WorkflowFile[]> {
  if (folder === undefined) return builtInWorkflows;
  const names = await namesIn(folder, []).catch((cause: unknown) => {
    throw new AppError('unavailable', 'The folder of COMFYUI_WORKFLOWS cannot be read.', { cause });
  });
  const workflows: WorkflowFile[] = [];
  for (const name of names.slice(0, maxFiles)) {
    try {
      workflows.push(await readWorkflow(folder, name));
    } catch (error) {
      // One broken file takes no other workflow away; whoever asks for it by name is told what is wrong.
      if (!(error instanceof AppError)) throw error;
    }
  }
  return workflows;
}

/** One workflow by its name, which comes from a caller. */
export async function readWorkflow(folder: string | undefined, name: string): Promise<WorkflowFile> {
  if (folder === undefined) {
    const known = builtInWorkflows.find((workflow) => workflow.name === name);
    if (known === undefined) throw unknown();
    return known;
  }
  const parts = name.split('/');
  if (parts.length > maxDepth || !parts.every((part) => namePart.test(part))) throw unknown();
  const path = join(folder, ...parts);
  const graph = Graph.safeParse(await readJson(`${path}.json`));
  if (!graph.success || Object.keys(graph.data).length === 0) {
    throw new AppError('model_not_found', 'This file is no workflow in API format.', {
      nextAction: 'In ComfyUI, export it with "Export (API)".',
    });
  }
  const side = await readJson(`${path}${sideEnding}`).catch((error: unknown) => {
    if (error instanceof AppError && error.code === 'model_not_found') return {};
    throw error;
  });
  const parsed = SideFile.safeParse(side);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw new AppError('internal', `${name}${sideEnding}: ${issue?.path.join('.')}: ${issue?.message}`);
  }
  return { name, graph: graph.data, side: parsed.data };
}

async function namesIn(folder: string, below: readonly string[]): Promise<string[]> {
  if (below.length >= maxDepth) return [];
  const entries = await readdir(join(folder, ...below), { withFileTypes: true });
  const found: string[] = [];
  for (const entry of entries.sort((left, right) => (left.name < right.name ? -1 : 1))) {
    if (entry.isDirectory() && namePart.test(entry.name)) {
      found.push(...(await namesIn(folder, [...below, entry.name])));
    } else if (entry.isFile() && entry.name.endsWith('.json') && !entry.name.endsWith(sideEnding)) {
      const name = entry.name.slice(0, -'.json'.length);
      if (namePart.test(name)) found.push([...below, name].join('/'));
    }
  }
  return found;
}

async function readJson(path: string): Promise<unknown> {
  try {
    const { size } = await stat(path);
    if (size > maxBytes) throw new AppError('internal', 'is larger than 4 MB');
    return JSON.parse(await readFile(path, 'utf8'));
  } catch (error) {
    if (error instanceof SyntaxError) throw new AppError('internal', 'is no JSON', { cause: error });
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') throw unknown();
    throw error;
  }
}

function unknown(): AppError {
  return new AppError('model_not_found', 'There is no workflow of this name.', {
    nextAction: 'Find one with search_models.',
  });
}
