/** How Runpod's four services are called for one caller: where each is, what is told of who asks, and what a refusal means. */
import { setTimeout as sleep } from 'node:timers/promises';
import { AppError, type ErrorCode, isObject } from '@inferry/contracts';
import { z } from 'zod';
import { classifyFailure, codeOfStatus, type FailureRule, retryAfterSeconds } from '../../errors/index.ts';
import type { Call, PlatformClient, Reply } from '../../http/index.ts';
import { malformed } from '../../http/read-answer.ts';
import type { ProviderContext } from '../../provider.ts';
import { failureRule } from '../failure-rule.ts';
import type { SharedReads } from './shared-reads.ts';

/** Whose tools are spoken: version 3 of Runpod's own server has both versions of REST, version 4 the second alone. */
export type Edition = '3.4.0' | '4.0.0';

/** Who calls, as Runpod's server tells it upstream. */
export interface Caller {
  /** The client's name on stdio, its `User-Agent` on HTTP. */
  name: string;
  version: string;
  transport: 'stdio' | 'http';
  /** One for each process, in edition 4 for each call on HTTP. */
  sessionId: string;
}

export interface WireCall extends Pick<Call, 'method' | 'path' | 'query' | 'json' | 'timeoutMs'> {
  /** `rest` and `rest1` are versions 2 and 1 of the control plane, `api` the serverless runtime, the others GraphQL. */
  base: 'rest' | 'rest1' | 'api' | 'graphql' | 'account';
  /** `submit` starts what is paid for: it is sent once, and nothing is concluded from a lost reply. */
  purpose?: 'read' | 'submit' | 'change';
}

const anything = z.unknown();
/** Every status is an answer here: what one means is for the call to say. */
const anyStatus = Array.from({ length: 200 }, (_, index) => 400 + index);
const serverErrorRetries = 2;
const repeatable: ReadonlySet<string> = new Set(['GET', 'PUT', 'DELETE']);
const passing: ReadonlySet<number> = new Set([500, 502, 503, 504]);
const longestRetryWaitMs = 5_000;
const maxReplyBytes = 16 << 20;

/** Control planes call a missing machine or volume by 404; models are not meant. */
const resourceRule: FailureRule = (reply) => {
  const told = failureRule(reply);
  if (told !== undefined || reply.status !== 404) return told;
  const { body } = reply;
  const texts = isObject(body) ? [body.detail, body.error, body.title] : [];
  const detail = texts.find((text): text is string => typeof text === 'string');
  return { code: 'not_found', detail: detail ?? 'there is nothing of this id' };
};

/** Where machines are asked for, another model is no way out. */
const nextOfMachines: Partial<Record<ErrorCode, string>> = {
  forbidden: 'Use a key with more rights.',
  upstream_failed: 'Read it again as it is now, and decide by that.',
  insufficient_credits: 'Top up the account there, then call again.',
};

export interface WireOptions {
  client: PlatformClient;
  context: ProviderContext;
  caller: Caller;
  edition: Edition;
  /** For tests. */
  pause?: ((ms: number, signal: AbortSignal) => Promise<unknown>) | undefined;
  now?: (() => number) | undefined;
  /** Where reads meet that are asked for at one moment. */
  reads?: SharedReads | undefined;
}

export class RunpodWire {
  readonly caller: Caller;
  readonly edition: Edition;
  readonly now: () => number;
  readonly context: ProviderContext;
  readonly #client: PlatformClient;
  readonly #reads: SharedReads | undefined;
  readonly #pause: NonNullable<WireOptions['pause']>;
  /** What the last refusal said, for those who show it as it is. */
  refusedBody: unknown;

  constructor({ client, context, caller, edition, pause, now = Date.now, reads }: WireOptions) {
    this.#client = client;
    this.#reads = reads;
    this.context = context;
    this.caller = caller;
    this.edition = edition;
    this.now = now;
    this.#pause = pause ?? ((ms, signal) => sleep(ms, undefined, { signal }).catch(() => undefined));
  }

  get signal(): AbortSignal {
    return this.context.signal;
  }

  pause(ms: number): Promise<unknown> {
    return this.#pause(ms, this.signal);
  }

  /** The reply, whatever its status. Edition 4 asks the control plane again where nothing can be done twice by that. */
  async send(call: WireCall): Promise<Reply<unknown>> {
    const isRepeatable =
      this.edition === '4.0.0' && call.base === 'rest' && repeatable.has(call.method ?? 'GET');
    for (let attempt = 0; ; attempt++) {
      const reply = await this.#once(call);
      const wait = isRepeatable && attempt < serverErrorRetries ? waitAfter(reply, attempt) : undefined;
      if (wait === undefined) return reply;
      await this.pause(wait);
    }
  }

  /** The body of a reply that is a success. Throws what a refusal means. */
  async body(call: WireCall): Promise<unknown> {
    const reply = await this.send(call);
    if (reply.status >= 400) throw this.failure(reply, call.purpose);
    return reply.body;
  }

  /** The same where the body has to be an object: a page of HTML with status 200 is no answer. */
  async object(call: WireCall): Promise<Record<string, unknown>> {
    const reply = await this.send(call);
    if (reply.status >= 400) throw this.failure(reply, call.purpose);
    if (isObject(reply.body)) return reply.body;
    throw malformed('Runpod', reply.status, 'no object');
  }

  failure(
    reply: Pick<Reply<unknown>, 'status' | 'headers' | 'body'>,
    purpose: WireCall['purpose'] = 'read',
  ): AppError {
    this.refusedBody = reply.body;
    const secret = this.context.credential?.reveal();
    const secrets = secret === undefined ? [] : [secret];
    const told = classifyFailure(reply, { title: 'Runpod', purpose, rule: resourceRule, secrets });
    if (purpose === 'submit' && told.upstreamStatus === undefined) return told;
    const { code, message, retryAfterSeconds, details, upstreamStatus } = told;
    return new AppError(upstreamStatus === undefined ? codeOfStatus(reply.status) : code, message, {
      ...{ retryAfterSeconds, details },
      upstreamStatus: reply.status,
      nextAction: nextOfMachines[code] ?? told.nextAction,
    });
  }

  /** One answer of GraphQL's `data`. The public one gets no key. */
  async graphql(
    base: 'graphql' | 'account',
    query: string,
    { variables, purpose }: { variables?: unknown; purpose?: WireCall['purpose'] } = {},
  ): Promise<Record<string, unknown>> {
    const json = variables === undefined ? { query } : { query, variables };
    const reply = await this.send({ base, method: 'POST', json, ...(purpose && { purpose }) });
    const { body } = reply;
    if (reply.status >= 400) {
      const failure = this.failure(reply, purpose);
      // GraphQL has no errors with statuses: what comes with one is of whatever stands before it, as text.
      this.refusedBody = typeof body === 'string' ? body : JSON.stringify(body ?? '');
      throw failure;
    }
    if (!isObject(body)) throw malformed('Runpod', reply.status, 'no object');
    const errors = Array.isArray(body.errors) ? body.errors : [];
    if (errors.length > 0) {
      const said = errors.flatMap((error) => (isObject(error) ? [String(error.message)] : [])).join('; ');
      const failure = this.failure({ status: 400, headers: {}, body: { error: said || 'no reason given' } });
      this.refusedBody = errors;
      throw failure;
    }
    if (isObject(body.data)) return body.data;
    throw malformed('Runpod', 200, 'no data');
  }

  /** Server-sent events until `maxWaitMs` or `maxBytes`, whichever is first: both are a normal end. */
  async events(
    call: Pick<WireCall, 'path' | 'query'>,
    { maxWaitMs, maxBytes }: { maxWaitMs: number; maxBytes: number },
  ): Promise<{ lines: string[]; truncated: boolean }> {
    const lines: string[] = [];
    const over = AbortSignal.timeout(maxWaitMs);
    const context = { ...this.context, signal: AbortSignal.any([this.signal, over]) };
    let bytes = 0;
    try {
      const headers = this.#headers({ base: 'rest', ...call }, 'text/event-stream');
      const {
        body,
        status,
        headers: told,
      } = await this.#client.events(
        { base: 'rest', ...call, headers, timeoutMs: maxWaitMs + 5_000, rule: resourceRule },
        context,
      );
      // A page or an object in place of a stream is no log without lines.
      const type = told['content-type'];
      if (type !== undefined && !type.startsWith('text/event-stream'))
        throw malformed('Runpod', status, type);
      for await (const { data } of body) {
        bytes += Buffer.byteLength(data) + 8;
        if (bytes > maxBytes) return { lines, truncated: true };
        lines.push(data);
      }
    } catch (error) {
      if (!over.aborted || this.signal.aborted) throw error;
    }
    return { lines, truncated: false };
  }

  #once(call: WireCall): Promise<Reply<unknown>> {
    const { base, purpose = 'read', method, path, query, json, timeoutMs } = call;
    const parts: Call = {
      base,
      path: path ?? '',
      method: method ?? 'GET',
      query,
      headers: this.#headers(call, '*/*'),
      accept: anyStatus,
      isKeyless: base === 'graphql',
      maxBytes: maxReplyBytes,
      ...(json !== undefined && { json }),
      ...(timeoutMs !== undefined && { timeoutMs }),
    };
    if (purpose === 'submit') return this.#client.submit(anything, parts, this.context);
    if (purpose === 'change') return this.#client.change(anything, parts, this.context);
    const read = (context: ProviderContext) => this.#client.read(anything, parts, context);
    // A read of the runtime may take what it reads away, such as the pieces of a stream.
    const isShared = (base === 'rest' || base === 'rest1') && parts.method === 'GET';
    if (!isShared || this.#reads === undefined) return read(this.context);
    const { credential, baseUrl, signal } = this.context;
    const name = JSON.stringify([base, parts.path, query, baseUrl, parts.headers?.['user-agent']]);
    return this.#reads.read({ holder: credential, name, signal }, (shared) =>
      read({ ...this.context, signal: shared }),
    );
  }

  #headers({ base, json }: WireCall, accept: string): Record<string, string> {
    const { name, version, transport, sessionId } = this.caller;
    const surface = this.edition === '4.0.0' ? ['surface=v2'] : [];
    const facts = [
      'caller=mcp',
      ...surface,
      `client=${tracked(name)}`,
      `client_version=${tracked(version)}`,
      `transport=${transport}`,
    ];
    const hasType = accept === '*/*' && (this.edition === '3.4.0' || base !== 'rest' || json !== undefined);
    return {
      accept,
      'user-agent': `runpod-mcp-server/${this.edition} (${facts.join('; ')})`,
      'x-runpod-session-id': sessionId,
      ...(hasType && { 'content-type': 'application/json' }),
    };
  }
}

/** How long to wait before it is asked again; undefined where the reply is final, or asks for more than anybody waits. */
function waitAfter({ status, headers }: Reply<unknown>, attempt: number): number | undefined {
  if (status !== 429 && !passing.has(status)) return undefined;
  const usual = 250 * 2 ** attempt;
  const asked = (retryAfterSeconds(headers) ?? 0) * 1_000;
  return asked > longestRetryWaitMs ? undefined : Math.max(asked, usual);
}

/** A name as it may stand in a comment of `User-Agent`. */
function tracked(text: string): string {
  const clean = text.replace(/[()<>@,;:\\"/[\]?={}\s]/g, '_').slice(0, 64);
  // Header fields are Latin-1; what is not becomes a blank as well.
  return clean.replace(/[^\x21-\x7e]/g, '_') || 'unknown';
}
