/**
 * Files of the machine on which client and server both run: a path in the arguments of a call is read, stored and replaced,
 * and outputs are saved where a client wants them, within the folders that it shares.
 */
import { createHash } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { type FileHandle, rm } from 'node:fs/promises';
import { basename, parse } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Bus } from '@inferry/bus';
import {
  type AnyTool,
  AppError,
  createUpload,
  defineOwnTool,
  ErrorEnvelope,
  getRun,
  isObject,
  type JsonObject,
  openAsset,
  type Principal,
  parseArguments,
  resolveAssets,
  storeMedia,
  text,
  toAppError,
  toErrorResult,
  uploadFile,
} from '@inferry/contracts';
import { type ClientRequests, type Exchange, type Method, type MethodTable, metaKeys } from '@inferry/mcp';
import { z } from 'zod';
import { putFile } from '../put-file.ts';
import { findPaths, replacePaths } from './file-references.ts';
import { noFolders, openWithin, outside, placeWithin, realFolders, rootPaths } from './folders.ts';

const rootsKey = 'inferry_roots';
const maxFiles = 16;
/** What create_upload takes. */
const maxBytes = 2 * 1024 ** 3;
/** Where the bytes themselves are an argument. */
const maxInlineBytes = 512 * 1024;
const keptSeconds = 30 * 86_400;
const weekMs = 7 * 86_400_000;

export const saveOutputTool: AnyTool = defineOwnTool({
  name: 'save_output',
  title: 'Save outputs',
  description:
    "Write a run's outputs into a folder that the client shares (its roots). Nothing is overwritten. Inputs need no tool: write @path in any argument.",
  toolset: 'files',
  scope: 'files:write',
  annotations: { readOnlyHint: false, destructiveHint: false, idempotentHint: false, openWorldHint: false },
  input: z.object({
    run_id: z.string().min(1).max(100).describe('Run handle'),
    path: z.string().max(4_096).optional().describe('Folder or file; default: the first root'),
  }),
  output: z.object({
    saved: z
      .array(z.object({ path: z.string().describe('Path'), bytes: z.int().describe('Size') }))
      .optional()
      .describe('Files'),
    error: ErrorEnvelope.optional(),
  }),
  present: ({ saved = [] }) => [
    text(saved.map(({ path, bytes }) => `Saved ${path} (${bytes} bytes)`).join('\n')),
  ],
  // as: what a tool's functions take is its own.
}) as unknown as AnyTool;

export interface LocalFilesParts {
  bus: Bus;
  clientRequests: ClientRequests;
  /** Folders beside the client's roots, for clients that have none. */
  folders: readonly string[];
}

/** The methods of one client over stdio. */
export function withLocalFiles(table: MethodTable, parts: LocalFilesParts): MethodTable {
  const files = new LocalFiles(parts);
  const { legacy, modern } = table.methods;
  const over = (methods: ReadonlyMap<string, Method>) => {
    const call = methods.get('tools/call');
    return call === undefined ? methods : new Map([...methods, ['tools/call', files.over(call)]]);
  };
  return { ...table, methods: { legacy: over(legacy), modern: over(modern) } };
}

class LocalFiles {
  readonly #parts: LocalFilesParts;
  /** As told last: a later round of the same call does not tell them again. */
  #told: string[] | undefined;

  constructor(parts: LocalFilesParts) {
    this.#parts = parts;
  }

  over(call: Method): Method {
    return (exchange) => {
      const { name, arguments: args } = exchange.request.params;
      const tool = exchange.view.byName.get(String(name));
      if (tool === undefined || !takesFiles(tool)) return call(exchange);
      const isSaving = tool.operation.name === saveOutputTool.operation.name;
      const paths = isSaving ? [] : findPaths(args);
      if (!isSaving && paths.length === 0)
        return call({
          ...exchange,
          request: withArguments(
            exchange,
            replacePaths(args, (path) => path),
          ),
        });
      return this.#run(exchange, (folders) =>
        isSaving
          ? this.#save(exchange, folders)
          : this.#replace(exchange, { tool, folders, paths }).then((replaced) => call(replaced)),
      );
    };
  }

  /** With the folders of the client, once they are known; what fails is the call's result. */
  async #run(
    exchange: Exchange,
    work: (folders: string[]) => ReturnType<Method>,
  ): Promise<Awaited<ReturnType<Method>>> {
    try {
      const folders = await this.#foldersOf(exchange);
      return typeof folders === 'string' ? folders : await work(folders);
    } catch (error) {
      return JSON.stringify(toErrorResult(toAppError(error).toEnvelope()));
    }
  }

  /** The folders, or the reply that asks the client for them (MCP 2026-07-28, multi round-trip requests). */
  async #foldersOf(exchange: Exchange): Promise<string[] | string> {
    const { folders: own, clientRequests } = this.#parts;
    if (!isObject(exchange.capabilities.roots)) {
      if (own.length === 0) throw noFolders();
      return realFolders(own);
    }
    if (exchange.era === 'legacy') {
      const answer = await clientRequests.ask(exchange, { method: 'roots/list', params: {} });
      return realFolders([...rootPaths(answer), ...own]);
    }
    const { inputResponses, requestState } = exchange.request.params;
    const answer = isObject(inputResponses) ? inputResponses[rootsKey] : undefined;
    if (answer !== undefined) this.#told = rootPaths(answer);
    else if (inputResponses === undefined && requestState === undefined) this.#told = undefined;
    if (this.#told !== undefined) return realFolders([...this.#told, ...own]);
    return JSON.stringify({
      resultType: 'input_required',
      _meta: { [metaKeys.serverInfo]: exchange.offer.identity.serverInfo },
      inputRequests: { [rootsKey]: { method: 'roots/list', params: {} } },
    });
  }

  /** The call with stored files in the place of paths. */
  async #replace(
    exchange: Exchange,
    { tool, folders, paths }: { tool: AnyTool; folders: string[]; paths: readonly string[] },
  ): Promise<Exchange> {
    if (paths.length > maxFiles) {
      throw new AppError(
        'validation_failed',
        `A call may name ${maxFiles} files by their paths, not ${paths.length}.`,
      );
    }
    const { principal, request } = exchange;
    const isInline = tool.operation.name === storeMedia.name;
    const values = new Map<string, string>();
    for (const path of paths) {
      const value = isInline ? await readInline(folders, path) : await this.#store(principal, folders, path);
      values.set(path, value);
    }
    if (tool.operation.name === uploadFile.name) return toAttachment(exchange, values);
    const args = replacePaths(request.params.arguments, (path) => values.get(path) ?? path);
    return { ...exchange, request: withArguments(exchange, args) };
  }

  /** The asset that a file is: the same content is stored once. */
  async #store(principal: Principal, folders: readonly string[], named: string): Promise<string> {
    const { path, file, bytes } = await openWithin(folders, named);
    try {
      if (bytes > maxBytes) throw tooLarge(maxBytes);
      const week = Math.floor(Date.now() / weekMs);
      const { asset_id: id, put_url: url } = await this.#parts.bus.call(
        openAsset,
        {
          file_name: basename(path).slice(-255),
          ref: `local/${await hashOf(file)}/${week}`,
          expires_in: keptSeconds,
        },
        { principal },
      );
      if (url !== undefined) await send(file, url);
      return id;
    } finally {
      await file.close();
    }
  }

  async #save(exchange: Exchange, folders: string[]): Promise<string> {
    const { bus } = this.#parts;
    const { principal, request } = exchange;
    if (folders.length === 0) throw noFolders();
    // as: what `parse` gives is what the tool's own schema says.
    const args = parseArguments(saveOutputTool, request.params.arguments) as {
      run_id: string;
      path?: string;
    };
    const { run } = await bus.call(getRun, { run_id: args.run_id }, { principal });
    const refs = (run?.outputs ?? []).flatMap(({ asset_id: id }) => (id === undefined ? [] : [id]));
    if (refs.length === 0) {
      throw new AppError('asset_not_ready', `The run is ${run?.status ?? 'not known'} and has no files.`, {
        nextAction: 'Wait until it has succeeded, then save its outputs.',
      });
    }
    const { assets } = await bus.call(resolveAssets, { refs }, { principal });
    const saved: { path: string; bytes: number }[] = [];
    for (const asset of assets) {
      if (asset === null) continue;
      const wanted = await placeWithin(folders, { named: args.path, fileName: asset.file_name });
      saved.push({ path: await download(asset.internal_url, wanted), bytes: asset.bytes });
    }
    const structured = { saved };
    return JSON.stringify({
      content: saveOutputTool.present(structured, { args, words: exchange.offer.profile.words }),
      structuredContent: structured,
    });
  }
}

/** What takes no files says nothing of them: a command line of a machine may begin with the same sign. */
function takesFiles({ operation }: AnyTool): boolean {
  return operation.scope !== 'infra' && operation.name !== createUpload.name;
}

function withArguments({ request }: Exchange, args: unknown): Exchange['request'] {
  const { inputResponses, ...params } = request.params;
  const left = isObject(inputResponses)
    ? Object.fromEntries(Object.entries(inputResponses).filter(([key]) => key !== rootsKey))
    : inputResponses;
  const isEmpty = isObject(left) && Object.keys(left).length === 0;
  return {
    ...request,
    params: {
      ...params,
      arguments: args,
      ...(left === undefined || isEmpty ? {} : { inputResponses: left }),
    },
  };
}

/** A file that is to be stored is stored already: the rest of the call says how. */
function toAttachment(exchange: Exchange, values: ReadonlyMap<string, string>): Exchange {
  const given = exchange.request.params.arguments;
  const entries = Object.entries(isObject(given) ? given : {});
  let attachment: string | undefined;
  const args: JsonObject = {};
  for (const [name, value] of entries) {
    const [path] = findPaths(value);
    if (path !== undefined && (name === 'url' || name === 'base64')) {
      attachment = values.get(path);
      if (!entries.some(([other]) => /^file_?name$/i.test(other)))
        args[nameArgument(exchange)] = basename(path);
    } else args[name] = value;
  }
  return { ...exchange, attachment, request: withArguments(exchange, args) };
}

/** What the profile calls the name of a file. */
function nameArgument({ view, request }: Exchange): string {
  return view.byName.get(String(request.params.name))?.renamed?.file_name ?? 'file_name';
}

async function hashOf(file: FileHandle): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(file.createReadStream({ start: 0, autoClose: false }), hash);
  return hash.digest('hex');
}

async function send(file: FileHandle, url: string): Promise<void> {
  const put = putFile(url);
  try {
    for await (const chunk of file.createReadStream({ start: 0, autoClose: false })) await put.write(chunk);
    await put.end();
  } catch (error) {
    put.destroy();
    throw error;
  }
}

async function readInline(folders: readonly string[], named: string): Promise<string> {
  const { file, bytes } = await openWithin(folders, named);
  try {
    if (bytes > maxInlineBytes) throw tooLarge(maxInlineBytes);
    return `data:application/octet-stream;base64,${(await file.readFile()).toString('base64')}`;
  } finally {
    await file.close();
  }
}

function tooLarge(max: number): AppError {
  return new AppError('upload_too_large', `The file has more than ${max} bytes.`, {
    nextAction: 'Name a smaller file.',
    details: { max_bytes: max },
  });
}

/** Writes it beside what is there: the path that it has then. */
async function download(url: string, wanted: string): Promise<string> {
  const { dir, name, ext } = parse(wanted);
  for (let number = 1; number <= 1_000; number += 1) {
    const path = number === 1 ? wanted : `${dir}/${name}-${number}${ext}`;
    const response = await fetch(url);
    if (!response.ok || response.body === null)
      throw new AppError('unavailable', 'The file cannot be read now.');
    try {
      // as: the same stream by the name that Node's own types have for it.
      await pipeline(Readable.fromWeb(response.body as never), createWriteStream(path, { flags: 'wx' }));
      return path;
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) {
        await rm(path, { force: true });
        throw error;
      }
    }
  }
  throw outside(wanted);
}
