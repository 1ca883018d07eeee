/** MCP over stdio: one client, one stream each way, a message a line (MCP 2025-11-25 and 2026-07-28, transports). */

import { isUtf8 } from 'node:buffer';
import { randomUUID } from 'node:crypto';
import { isObject, type JsonObject, localPrincipal } from '@inferry/contracts';
import {
  type ClientRequests,
  type Exchange,
  errorText,
  isRefusal,
  isRequest,
  isRequestId,
  isSameId,
  isTooDeep,
  type McpCore,
  type McpMessage,
  type McpRequest,
  metaKeys,
  negotiate,
  type Offer,
  parseJson,
  type Refusal,
  type RequestId,
  readBatchEra,
  readEra,
  readMessage,
  refuse,
  refuseBatch,
  refuseSize,
  rpcCodes,
  type Sender,
  type Spoken,
  type ToolView,
  tooDeep,
} from '@inferry/mcp';
import type { Parts } from '@inferry/runtime';
import type { OpenCalls } from '../open-calls.ts';
import { createLineReader, idOfLongLine } from './lines.ts';
import { type LineWriter, StdioChannel } from './stdio-channel.ts';

export interface StdioParts {
  core: McpCore;
  clientRequests: ClientRequests;
  calls: OpenCalls;
  offer: Offer;
  maxLineBytes: number;
  log: Pick<Parts['log'], 'error'>;
}

/** What the client of the legacy era said about itself; the process is its session. */
interface Introduction {
  version: string;
  clientName: string;
  clientVersion: string | undefined;
  capabilities: JsonObject;
}

interface OpenRequest {
  id: RequestId;
  channel: StdioChannel;
}

const badJson = refuse(['parse_error', 'The line is not valid JSON.'], { rpcCode: rpcCodes.parse });
const notUtf8 = refuse(['parse_error', 'The line is not valid UTF-8.'], { rpcCode: rpcCodes.parse });
const internal = refuse(['internal', 'Something went wrong here. Try again; if it repeats, report it.'], {
  rpcCode: rpcCodes.internal,
});
const none: JsonObject = Object.freeze({});

export class StdioEndpoint {
  readonly #parts: StdioParts;
  readonly #writer: LineWriter;
  readonly #view: ToolView;
  readonly #from: Sender = { principal: localPrincipal, session: randomUUID() };
  readonly #open = new Set<OpenRequest>();
  #introduction: Introduction | undefined;
  /** Takes the chunks that the client writes. */
  readonly take: (chunk: Buffer) => void;

  constructor(parts: StdioParts, writer: LineWriter) {
    this.#parts = parts;
    this.#writer = writer;
    this.#view = wholeView(parts.offer);
    this.take = createLineReader(parts.maxLineBytes, {
      line: (line) => this.#line(line),
      tooLong: (head, tail) => this.#refuse(refuseSize(parts.maxLineBytes), idOfLongLine(head, tail)),
    });
  }

  /** The client reads nothing any more. */
  gone(): void {
    for (const { channel } of [...this.#open]) channel.stop('gone');
  }

  #line(line: Buffer): void {
    if (!isUtf8(line)) return this.#refuse(notUtf8);
    const text = line.toString().replace(/^\ufeff/, '');
    if (text.trim() === '') return;
    if (isTooDeep(text)) return this.#refuse(tooDeep);
    const value = parseJson(text);
    if (value === undefined) this.#refuse(badJson);
    else if (Array.isArray(value)) this.#batch(value);
    else this.#single(readMessage(value));
  }

  #single(message: McpMessage | Refusal): void {
    if (isRefusal(message)) return this.#refuse(message);
    const id = message.kind === 'request' ? message.id : undefined;
    const spoken = readEra(message);
    if (message.kind !== 'request') {
      // Nobody waits for an answer to what gets none.
      if (!isRefusal(spoken)) this.#hear(message, spoken);
      return;
    }
    if (isRefusal(spoken)) return this.#refuse(spoken, id);
    this.#settle(this.#answer(message, spoken));
  }

  /** The answers leave together, when the last of them is there. */
  #batch(values: readonly unknown[]): void {
    const version = this.#introduction?.version;
    const spoken = readBatchEra({ version, method: undefined, name: undefined });
    if (isRefusal(spoken)) return this.#refuse(spoken);
    const messages = values.map(readMessage);
    const refusal = refuseBatch(messages);
    if (refusal !== undefined) return this.#refuse(refusal);
    for (const message of messages) {
      if (!isRefusal(message)) this.#hear(message, spoken);
    }
    const answers = messages.filter(isRequest).map((request) => this.#answer(request, spoken));
    if (answers.length === 0) return;
    this.#settle(
      Promise.all(answers).then((texts) => {
        const said = texts.filter((text) => text !== undefined);
        return said.length === 0 ? undefined : `[${said.join(',')}]`;
      }),
    );
  }

  #settle(answering: Promise<string | undefined> | string | undefined): void {
    if (!(answering instanceof Promise)) {
      if (answering !== undefined) this.#writer.write(answering);
      return;
    }
    answering.then(
      (text) => text !== undefined && this.#writer.write(text),
      (error: unknown) => this.#parts.log.error({ err: error }, 'a request failed'),
    );
  }

  /** Messages that get no answer. */
  #hear(message: McpMessage, { era }: Spoken): void {
    const { core, clientRequests } = this.#parts;
    if (message.kind === 'response') clientRequests.settle(message, this.#from);
    if (message.kind !== 'notification') return;
    // Without a stream to close this is how either era cancels.
    if (message.method === 'notifications/cancelled') this.#cancel(message.params.requestId);
    else core.listen(era, message, this.#from);
  }

  #cancel(id: unknown): void {
    if (!isRequestId(id)) return;
    for (const open of [...this.#open]) {
      if (isSameId(open.id, id)) open.channel.stop('cancelled');
    }
  }

  /** The text of the answer to one request; undefined where it was cancelled. */
  #answer(request: McpRequest, spoken: Spoken): Promise<string | undefined> | string | undefined {
    const { core, calls } = this.#parts;
    const busy = calls.refusal(localPrincipal);
    if (busy !== undefined) return this.#errorText(busy, request.id);
    const channel = new StdioChannel(this.#writer);
    const open: OpenRequest = { id: request.id, channel };
    const held = calls.add(channel, localPrincipal);
    this.#open.add(open);
    const end = (reply: string | Refusal | undefined): string | undefined => {
      channel.finish();
      this.#open.delete(open);
      calls.delete(held);
      if (reply === undefined || channel.stopReason === 'cancelled') return undefined;
      return typeof reply === 'string' ? reply : this.#errorText(reply, request.id);
    };
    const fail = (error: unknown) => {
      this.#parts.log.error({ err: error }, 'a request failed');
      return end(internal);
    };
    try {
      const reply = core.answer(this.#toExchange(request, { spoken, channel }));
      if (reply instanceof Promise) return reply.then(end, fail);
      if (request.method === 'initialize' && typeof reply === 'string') this.#introduce(request.params);
      return end(reply);
    } catch (error) {
      return fail(error);
    }
  }

  #introduce({ protocolVersion, clientInfo, capabilities }: JsonObject): void {
    this.#introduction = {
      version: negotiate(protocolVersion),
      clientName: textOf(clientInfo, 'name') ?? '',
      clientVersion: textOf(clientInfo, 'version'),
      capabilities: isObject(capabilities) ? capabilities : none,
    };
  }

  #toExchange(request: McpRequest, { spoken, channel }: { spoken: Spoken; channel: StdioChannel }): Exchange {
    const known = this.#introduction;
    const isModern = spoken.era === 'modern';
    const told = request.meta[metaKeys.clientInfo];
    const declared = isModern ? request.meta[metaKeys.clientCapabilities] : known?.capabilities;
    return {
      ...this.#from,
      era: spoken.era,
      ...(isModern
        ? { version: spoken.version }
        : known === undefined
          ? { version: spoken.version, isAssumed: true }
          : { version: known.version }),
      request,
      offer: this.#parts.offer,
      view: this.#view,
      channel,
      capabilities: isObject(declared) ? declared : none,
      clientName: textOf(told, 'name') ?? known?.clientName ?? '',
      clientVersion: textOf(told, 'version') ?? known?.clientVersion,
      traceCarrier: request.meta,
    };
  }

  #refuse(refusal: Refusal, id?: RequestId): void {
    this.#writer.write(this.#errorText(refusal, id));
  }

  #errorText(refusal: Refusal, id?: RequestId): string {
    return errorText(id, refusal, this.#parts.offer.profile.words);
  }
}

function textOf(info: unknown, field: 'name' | 'version'): string | undefined {
  const text = isObject(info) ? info[field] : undefined;
  return typeof text === 'string' ? text : undefined;
}

/** Everything that the deployment offers of the profile. */
function wholeView({ select, viewTools }: Offer): ToolView {
  const selection = select();
  if (isRefusal(selection)) throw new Error(selection.message);
  return viewTools(selection, localPrincipal.scopes);
}
