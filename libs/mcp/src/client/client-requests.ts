import { randomUUID } from 'node:crypto';
import type { Bus, Subscription } from '@inferry/bus';
import { AppError, clientAnswered, type InputRequest, isObject, type JsonObject } from '@inferry/contracts';
import type { Channel, Sender } from '../exchange.ts';
import type { McpResponse } from '../json-rpc.ts';

interface Waiting {
  subject: string;
  session: string;
  resolve(result: JsonObject): void;
  reject(error: AppError): void;
}

export interface ClientRequestsOptions {
  /** Begins the ids of what is asked here; no other process has it. */
  replica: string;
  /** People answer forms. */
  timeoutMs?: number;
}

/**
 * Requests to clients of the legacy era: they leave on the stream of the call that they belong to, and the answer is
 * a POST of its own that may reach another replica, so it is told to all.
 */
export class ClientRequests {
  readonly #bus: Bus;
  readonly #replica: string;
  readonly #timeoutMs: number;
  readonly #waiting = new Map<string, Waiting>();
  readonly #subscription: Subscription;

  constructor(bus: Bus, { replica, timeoutMs = 300_000 }: ClientRequestsOptions) {
    this.#bus = bus;
    this.#replica = replica;
    this.#timeoutMs = timeoutMs;
    this.#subscription = bus.on(clientAnswered, (answer) => this.#take(answer));
  }

  /** How many answers are waited for. */
  get size(): number {
    return this.#waiting.size;
  }

  /** Asks on the call's stream; rejects with `client_input_missing` or, when the call ends, `cancelled`. */
  async ask(from: Sender & { channel: Channel }, { method, params }: InputRequest): Promise<JsonObject> {
    const { channel, session } = from;
    const id = `${this.#replica}-${randomUUID()}`;
    const { promise, resolve, reject } = Promise.withResolvers<JsonObject>();
    const timer = setTimeout(() => reject(noAnswer('did not answer in time')), this.#timeoutMs);
    const onAbort = () => reject(new AppError('cancelled', 'The call ended.'));
    channel.signal.addEventListener('abort', onAbort, { once: true });
    this.#waiting.set(id, { subject: from.principal.subject, session, resolve, reject });
    try {
      if (channel.signal.aborted) onAbort();
      else if (!channel.notify(JSON.stringify({ jsonrpc: '2.0', id, method, params }))) {
        reject(noAnswer('does not read its stream'));
      }
      return await promise;
    } finally {
      clearTimeout(timer);
      channel.signal.removeEventListener('abort', onAbort);
      this.#waiting.delete(id);
    }
  }

  /** A response that a client posted here, to whatever replica's request. */
  settle({ id, result, error }: McpResponse, { principal, session }: Sender): void {
    if (typeof id !== 'string') return;
    const answer = {
      subject: principal.subject,
      session,
      id,
      ...(error === undefined && isObject(result) ? { result } : {}),
    };
    if (id.startsWith(`${this.#replica}-`)) this.#take(answer);
    else this.#bus.publish(clientAnswered, answer);
  }

  close(): void {
    this.#subscription.unsubscribe();
    for (const { reject } of this.#waiting.values()) reject(noAnswer('was not waited for'));
  }

  /** Only whoever was asked can answer: ids are not secrets. */
  #take({
    id,
    subject,
    session,
    result,
  }: {
    id: string;
    subject: string;
    session: string;
    result?: unknown;
  }): void {
    const waiting = this.#waiting.get(id);
    if (waiting?.subject !== subject || waiting.session !== session) return;
    if (isObject(result)) waiting.resolve(result);
    else waiting.reject(noAnswer('refused'));
  }
}

function noAnswer(what: string): AppError {
  return new AppError('client_input_missing', `The call needs input, and the client ${what}.`, {
    nextAction: 'Call again and answer, or pass what is asked for as arguments.',
  });
}
