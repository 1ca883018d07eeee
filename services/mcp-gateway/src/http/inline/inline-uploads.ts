import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { Bus } from '@inferry/bus';
import {
  callOf,
  createUpload,
  hint,
  openAsset,
  type Principal,
  tooLargeAttachment,
  uploadFile,
} from '@inferry/contracts';
import { rpcCodes, type ToolView } from '@inferry/mcp';
import { ownBodyClock } from '@inferry/runtime';
import { oneValue } from '../../edge/request-head.ts';
import { type HttpRefusal, refuse } from '../../http-refusal.ts';
import type { OpenCalls } from '../../open-calls.ts';
import { type FilePut, putFile } from '../../put-file.ts';
import type { BodyTimings } from '../edge.ts';
import { BodySplitter, type SplitProblem } from './body-splitter.ts';
import { createCollector, type Pieces, piecesOf } from './pieces.ts';

export interface InlineUploadParts {
  bus: Bus;
  calls: OpenCalls;
  timings: BodyTimings;
  /** Bytes of everything but the file, and of what may be held before it is known what the call is. */
  maxBodyBytes: number;
  /** Files at once in this process. */
  maxAtOnce: number;
  tooLarge: HttpRefusal;
}

/** A request whose body is larger than may be held. */
export interface LargeRequest {
  request: IncomingMessage;
  principal: Principal;
  view: ToolView;
  /** What has come of its body. */
  read: Buffer[];
}

/** The call without its file, and the caller's asset that the file has become. */
export interface SplitCall {
  body: Buffer;
  assetId: string;
}

/** Largest file of upload_file (MR-57). */
const maxFileBytes = 200 * 1024 * 1024;
/** Base64 takes 4/3 of the file; escapes and line breaks some more. */
const maxRawBytes = maxFileBytes * 2 + maxFileBytes / 2;
const maxDepth = 64;
/** A file whose call never comes about is deleted after this. */
const orphanSeconds = 3_600;

const linger = { connection: 'close' };
const useCreateUpload = hint`Use ${callOf(createUpload)}: it takes large files without base64.`;
const busy = refuse(503, ['busy', 'Too many base64 uploads at once.'], {
  retryAfterSeconds: 5,
  nextAction: `Retry in 5 s. ${useCreateUpload}`,
  headers: linger,
});

const refusals: Record<Exclude<SplitProblem, 'rest_too_large'>, HttpRefusal> = {
  file_too_large: refuse(413, ['upload_too_large', 'The file exceeds the 200 MiB upload cap.'], {
    nextAction: useCreateUpload,
    headers: linger,
  }),
  not_base64: refuseBase64('is not base64'),
  not_a_data_uri: refuseBase64('is not a data URI with base64'),
  too_deep: refuse(400, ['invalid_request', `The body is nested deeper than ${maxDepth}.`], {
    rpcCode: rpcCodes.invalidRequest,
    headers: linger,
  }),
  duplicate_key: refuse(400, ['invalid_request', 'The body has a key twice.'], {
    rpcCode: rpcCodes.invalidRequest,
    headers: linger,
  }),
  bad_string: refuse(400, ['parse_error', 'The body is not valid JSON.'], {
    rpcCode: rpcCodes.parse,
    headers: linger,
  }),
};

function refuseBase64(message: string): HttpRefusal {
  return refuse(400, ['validation_failed', `${callOf(uploadFile)}: base64 ${message}.`], {
    rpcCode: rpcCodes.invalidParams,
    nextAction: hint`For a local file use ${callOf(createUpload)}: it needs no base64.`,
    data: { details: { errors: [{ path: 'base64', message }] } },
    headers: linger,
  });
}

/** Whether the head of a request leaves it possible that its body is a file of any size that is taken. */
export function mayBeUpload({ headers }: IncomingMessage): boolean {
  const { 'mcp-method': sentMethod, 'mcp-name': sentName } = headers;
  const method = oneValue(sentMethod) ?? 'tools/call';
  const name = oneValue(sentName) ?? uploadFile.name;
  if (method !== 'tools/call' || name !== uploadFile.name) return false;
  return Number(headers['content-length'] ?? 0) <= maxRawBytes;
}

/** The way of base64 files (X3): they pass through to the data plane, and nothing of them is held. */
export class InlineUploads {
  readonly #parts: InlineUploadParts;
  /** Files on their way, and bodies of which it is not known yet what they are, by whose they are. */
  readonly #files = new Shares();
  readonly #unknown = new Shares();

  constructor(parts: InlineUploadParts) {
    this.#parts = parts;
  }

  /** Rejects with `LateBody`, `GoneBody`, or the `AppError` of a storage that cannot be reached. */
  async take(large: LargeRequest): Promise<SplitCall | HttpRefusal> {
    const { tooLarge, maxAtOnce, calls } = this.#parts;
    const { subject } = large.principal;
    if (!mayBeUpload(large.request)) return tooLarge;
    // A place is for a file: nobody holds one with what may be anything.
    if (maxAtOnce === 0 || !this.#unknown.take(subject, unknownLimits)) return busy;
    ownBodyClock(large.request);
    let isFile = false;
    const passage = new Passage(this.#parts, large, () => {
      this.#unknown.give(subject);
      isFile = this.#files.take(subject, { all: maxAtOnce, each: Math.max(1, Math.floor(maxAtOnce / 2)) });
      if (!isFile)
        this.#unknown.take(subject, { all: Number.POSITIVE_INFINITY, each: Number.POSITIVE_INFINITY });
      return isFile;
    });
    const call = { hurry: () => undefined, stop: () => void large.request.destroy() };
    const held = calls.add(call, large.principal);
    try {
      return await passage.run();
    } finally {
      (isFile ? this.#files : this.#unknown).give(subject);
      calls.delete(held);
      passage.close();
    }
  }
}

/** Each may be as large as the body cap, and has the time of a call to say what it is. */
const unknownLimits = { all: 256, each: 32 };

/** Places that are taken, by whom. */
class Shares {
  readonly #taken = new Map<string, number>();
  #all = 0;

  take(owner: string, limits: { all: number; each: number }): boolean {
    const own = this.#taken.get(owner) ?? 0;
    if (this.#all >= limits.all || own >= limits.each) return false;
    this.#all += 1;
    this.#taken.set(owner, own + 1);
    return true;
  }

  give(owner: string): void {
    const left = (this.#taken.get(owner) ?? 1) - 1;
    this.#all -= 1;
    if (left === 0) this.#taken.delete(owner);
    else this.#taken.set(owner, left);
  }
}

/** One file on its way through. */
class Passage {
  readonly #parts: InlineUploadParts;
  readonly #large: LargeRequest;
  readonly #splitter: BodySplitter;
  /** Bytes of the file that came before it was known that the call is an upload. */
  #held: Buffer[] = [];
  readonly #collect = createCollector();
  #rawBytes = 0;
  #put: FilePut | undefined;
  #assetId = '';
  #isStored = false;
  readonly #takePlace: () => boolean;
  readonly #pieces: Pieces;

  constructor(parts: InlineUploadParts, large: LargeRequest, takePlace: () => boolean) {
    this.#parts = parts;
    this.#large = large;
    this.#takePlace = takePlace;
    this.#pieces = piecesOf(large.request, parts.timings);
    const readsOn = large.view.byName.get(uploadFile.name)?.answersTooLarge === true;
    const limits = { maxRestBytes: parts.maxBodyBytes, maxFileBytes, maxDepth, readsOn };
    this.#splitter = new BodySplitter(limits);
  }

  close(): void {
    if (!this.#isStored) this.#put?.destroy();
  }

  async run(): Promise<SplitCall | HttpRefusal> {
    const pieces = this.#pieces;
    for (const piece of this.#large.read.splice(0)) {
      const refusal = await this.#pass(piece);
      if (refusal !== undefined) return refusal;
    }
    for (let piece = await pieces.next(); piece !== undefined; piece = await pieces.next()) {
      const refusal = await this.#pass(piece);
      if (refusal !== undefined) return refusal;
    }
    // A large body that ended without a file, or in the middle of one.
    if (this.#put === undefined) return this.#parts.tooLarge;
    if (this.#splitter.isInFile) return refusals.bad_string;
    // The tool itself says so: the call is known now, by its id as well, which may come last.
    if (this.#splitter.isTooLarge) return { body: this.#splitter.rest(), assetId: tooLargeAttachment };
    await this.#put.end();
    this.#isStored = true;
    return { body: this.#splitter.rest(), assetId: this.#assetId };
  }

  async #pass(piece: Buffer): Promise<HttpRefusal | undefined> {
    this.#rawBytes += piece.length;
    this.#collect(piece.length);
    const bytes = this.#splitter.write(piece);
    const { problem } = this.#splitter;
    if (problem === 'rest_too_large' || this.#rawBytes > maxRawBytes) return this.#parts.tooLarge;
    if (problem !== undefined) return refusals[problem];
    if (this.#isOtherCall()) return this.#parts.tooLarge;
    if (this.#splitter.isTooLarge) this.#put?.destroy();
    else if (this.#put !== undefined && bytes.length > 0) await this.#put.write(bytes);
    if (this.#put !== undefined) return undefined;
    this.#held.push(Buffer.from(bytes));
    if (this.#splitter.fileBytes === 0) return undefined;
    if (this.#isKnown()) return this.#open();
    return this.#splitter.fileBytes > this.#parts.maxBodyBytes ? this.#parts.tooLarge : undefined;
  }

  /** True as soon as the body says that it is something else. */
  #isOtherCall(): boolean {
    const { isBatch, method = 'tools/call', toolName = uploadFile.name } = this.#splitter;
    return isBatch || method !== 'tools/call' || toolName !== uploadFile.name;
  }

  /** The body may name the call after its arguments; then the headers of the modern era, which must agree, tell. */
  #isKnown(): boolean {
    const { headers } = this.#large.request;
    const { method, toolName } = this.#splitter;
    return (
      (method ?? oneValue(headers['mcp-method'])) === 'tools/call' &&
      (toolName ?? oneValue(headers['mcp-name'])) === uploadFile.name
    );
  }

  async #open(): Promise<HttpRefusal | undefined> {
    const { view, principal } = this.#large;
    const scope = view.missingScopes.get(uploadFile.name);
    if (scope !== undefined) return refuseScope(scope);
    if (!view.byName.has(uploadFile.name)) return this.#parts.tooLarge;
    if (!this.#takePlace()) return busy;
    this.#pieces.takeTime();
    const { contentType } = this.#splitter;
    const opened = await this.#parts.bus.call(
      openAsset,
      {
        file_name: 'file',
        content_type: contentType,
        ref: `inline/${randomUUID()}`,
        expires_in: orphanSeconds,
      },
      { principal },
    );
    this.#assetId = opened.asset_id;
    this.#put = putFile(opened.put_url ?? '');
    for (const bytes of this.#held.splice(0)) if (bytes.length > 0) await this.#put.write(bytes);
    return undefined;
  }
}

function refuseScope(scope: string): HttpRefusal {
  return refuse(403, ['insufficient_scope', `This tool needs the scope ${scope}.`], {
    data: { required_scope: scope },
    nextAction: 'Use a credential that has this scope.',
    headers: linger,
  });
}
