import { isUtf8 } from 'node:buffer';
import { AppError } from '@inferry/contracts';
import { isRefusal, rpcCodes } from '@inferry/mcp';
import { type HttpRefusal, refuse, refuseUnavailable } from '../http-refusal.ts';
import type { Post } from './answers.ts';
import type { Edge } from './edge.ts';
import type { InlineUploads } from './inline/inline-uploads.ts';
import type { McpEndpoint } from './mcp-endpoint.ts';
import { type BodyTimings, GoneBody, LateBody, readBody } from './read-body.ts';

export interface ReceiverParts {
  edge: Edge;
  endpoint: McpEndpoint;
  uploads: InlineUploads;
  maxBodyBytes: number;
  timings: BodyTimings;
  onError(error: unknown): void;
}

/** Takes an admitted POST, whose body has not been read. */
export type Receiver = (post: Post) => void;

const late = refuse(408, ['deadline_exceeded', 'The body came too slowly.'], {
  headers: { connection: 'close' },
});
const notUtf8 = refuse(400, ['parse_error', 'The body is not valid UTF-8.'], { rpcCode: rpcCodes.parse });
const failed = refuse(500, ['internal', 'Something went wrong here. Try again; if it repeats, report it.'], {
  headers: { connection: 'close' },
});

/** Reads bodies: those of calls whole, those with a file past memory. */
export function createReceiver(parts: ReceiverParts): Receiver {
  const { edge, endpoint, uploads, timings } = parts;
  const limits = { maxBytes: parts.maxBodyBytes, timeoutMs: timings.wholeMs };

  function takeWhole(post: Post, bytes: Buffer, attachment?: string): void {
    if (isUtf8(bytes)) endpoint.post(post, withoutMark(bytes).toString(), attachment);
    else endpoint.refuse(post, notUtf8);
  }

  async function takeLarge(post: Post, read: Buffer[]): Promise<void> {
    const view = endpoint.view(post);
    if (isRefusal(view)) return endpoint.refuse(post, view);
    const { request, principal } = post;
    const outcome = await uploads.take({ request, principal, view, read });
    if (isRefusal(outcome)) endpoint.refuse(post, outcome);
    else takeWhole(post, outcome.body, outcome.assetId);
  }

  function refuseLarge(post: Post, error: unknown): void {
    if (error instanceof GoneBody) return;
    const refusal = toRefusal(error);
    if (refusal === failed) parts.onError(error);
    edge.send(post, refusal);
  }

  return (post) => {
    readBody(post.request, limits, (outcome) => {
      if (outcome.kind === 'whole') takeWhole(post, outcome.bytes);
      else if (outcome.kind === 'late') edge.send(post, late);
      else if (outcome.kind === 'large') {
        takeLarge(post, outcome.read).catch((error: unknown) => refuseLarge(post, error));
      }
    });
  };
}

/** Some clients write a byte order mark, which is no part of JSON (RFC 8259, section 8.1). */
function withoutMark(bytes: Buffer): Buffer {
  return bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf ? bytes.subarray(3) : bytes;
}

function toRefusal(error: unknown): HttpRefusal {
  if (error instanceof LateBody) return late;
  if (!(error instanceof AppError)) return failed;
  if (error.code === 'storage_quota_exceeded') {
    return refuse(507, [error.code, error.message], {
      nextAction: error.nextAction ?? 'Let files expire, or store new ones with expires_in.',
      headers: { connection: 'close' },
    });
  }
  const refusal = refuseUnavailable(error.message);
  return { ...refusal, headers: { ...refusal.headers, connection: 'close' } };
}
