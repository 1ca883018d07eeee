import {
  type AnyOperation,
  type AnyTool,
  AppError,
  type EventContract,
  type RpcContract,
  toAppError,
} from '@inferry/contracts';
import { toolOf } from '@inferry/profiles';
import type { z } from 'zod';
import { type AnyHandler, operationAnswer, rpcAnswer } from './answers.ts';
import type { Bus, CallOptions, Served } from './bus.ts';
import { cancelled, tooLate } from './call-errors.ts';
import { Caller, type SendOptions } from './caller.ts';
import { type BusTimings, defaultTimings, type OnInternalError, steadyNow } from './frames.ts';
import { type AcceptedSpeakers, Responder } from './responder.ts';
import type { Statements } from './statements.ts';
import type { MessageListener, Transport } from './transport.ts';

export interface BusOptions {
  /** Queue group of what this process serves: the service's name. */
  name: string;
  timings?: Partial<BusTimings>;
  maxCalls?: number;
  onInternalError?: OnInternalError;
  /** Signs whom calls are made for and takes none that nobody signed; without it nothing is signed (tests). */
  statements?: Statements | undefined;
  /** Resolves when the services stand that are called here: calls that come sooner wait for it, and fail with what it fails with. */
  standing?: Promise<unknown> | undefined;
}

/** The longest that a tool call may take: the wait ceiling plus what starting and answering cost. */
const toolTimeoutMs = 630_000;

/** The bus over any transport: typed contracts, one inbox per caller, progress, heartbeats, deadlines, re-issue. */
export function createBus(transport: Transport, options: BusOptions): Bus {
  const timings = { ...defaultTimings, ...options.timings };
  const onInternalError = options.onInternalError ?? (() => undefined);
  const { name, statements } = options;
  const caller = new Caller(transport, { name, timings, onInternalError, statements });
  const responder = new Responder(transport, {
    name,
    statements,
    timings,
    maxCalls: options.maxCalls ?? 20_000,
    onInternalError,
  });

  let standing = options.standing;
  standing?.then(
    () => {
      standing = undefined;
    },
    () => undefined,
  );
  function send(subject: string, payload: string, sendOptions: SendOptions): Promise<string> {
    if (standing === undefined) return caller.send(subject, payload, sendOptions);
    return sendLater(standing, sendOptions, (later) => caller.send(subject, payload, later));
  }

  /** Of a service that is not ours: known to whoever serves them alone. */
  const ownTools = new Map<string, AnyTool>();

  return {
    get isConnected() {
      return transport.isConnected;
    },
    get problem() {
      return transport.problem;
    },
    get load() {
      return { asking: caller.pendingCalls, answering: responder.activeCalls };
    },
    callTool(tool, args, callOptions) {
      const timeoutMs = callOptions.timeoutMs ?? toolTimeoutMs;
      const { subject } = callOptions.operation ?? tool.operation;
      return send(subject, JSON.stringify(args ?? {}), { ...callOptions, tool: tool.id, timeoutMs });
    },
    async call<O extends z.ZodType>(
      asked: RpcContract<z.ZodType, O> | AnyOperation,
      input: unknown,
      callOptions: CallOptions,
    ): Promise<z.infer<O>> {
      const { subject } = asked;
      const timeoutMs = callOptions.timeoutMs ?? (asked.kind === 'rpc' ? asked.timeoutMs : toolTimeoutMs);
      const json = await send(subject, JSON.stringify(input) ?? 'null', { ...callOptions, timeoutMs });
      // as: the overloads of `call` say that O is the schema of what this one replies.
      const schema = (asked.kind === 'rpc' ? asked.output : asked.reply) as O;
      return parseReply({ subject, schema }, json, onInternalError);
    },
    serve(served: Served, handler: unknown) {
      // as: `Handler<C>` is exactly this for the contract at hand; the overload's conditional type hides it.
      const run = handler as AnyHandler;
      const contract = served.kind === 'tool' ? served.operation : served;
      if (served.kind === 'tool') ownTools.set(served.id, served);
      const answer =
        contract.kind === 'operation'
          ? operationAnswer(contract, run, { find: (id) => toolOf(id) ?? ownTools.get(id), onInternalError })
          : rpcAnswer(contract, run);
      responder.serve(contract.subject, name, { answer, accepts: acceptedSpeakers(contract) });
    },
    publish(event, payload) {
      // An event may be lost by design; one that cannot be sent now is lost now.
      if (!transport.isConnected) return;
      transport.publish({ subject: event.subject, data: JSON.stringify(event.payload.parse(payload)) });
    },
    on(event, listener) {
      return transport.subscribe(event.subject, eventListener(event, listener, onInternalError));
    },
    grantRun: (principal, run, until) => statements?.writeRun(principal, run, until),
    claim: (text) => statements?.claim(text),
    isClaimed: (text, proof, services) => statements?.isClaimed(text, proof, services) ?? true,
    onStatus: (listener) => transport.onStatus(listener),
    drain: (graceMs) => responder.drain(graceMs),
    async close() {
      caller.close();
      responder.close();
      await transport.close();
    },
  };
}

/** What is waited for counts against the time that the call may take. */
async function sendLater(
  standing: Promise<unknown>,
  options: SendOptions,
  send: (options: SendOptions) => Promise<string>,
): Promise<string> {
  const { timeoutMs, signal } = options;
  const until = steadyNow() + timeoutMs;
  const { promise: ended, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(tooLate({ lastProgress: undefined })), timeoutMs);
  const abort = () => reject(cancelled());
  signal?.addEventListener('abort', abort, { once: true });
  try {
    await Promise.race([standing, ended]);
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', abort);
  }
  return await send({ ...options, timeoutMs: Math.max(until - steadyNow(), 1) });
}

/** An operation is called for a person; a service on its own has the internal requests, a run those that say so. */
function acceptedSpeakers(contract: AnyOperation | RpcContract): AcceptedSpeakers {
  return { services: contract.kind === 'rpc', runs: contract.kind === 'rpc' && contract.servesRuns === true };
}

/** A reply that does not fit its contract is our own fault, and no caller's business. */
function parseReply<O extends z.ZodType>(
  { subject, schema }: { subject: string; schema: O },
  json: string,
  onInternalError: OnInternalError,
): z.infer<O> {
  try {
    return schema.parse(JSON.parse(json));
  } catch (error) {
    onInternalError(error, subject);
    throw toAppError(error);
  }
}

/** Neither a malformed event nor a listener that throws may end the process. */
function eventListener<P extends z.ZodType>(
  event: EventContract<P>,
  listener: (payload: z.infer<P>) => void,
  onInternalError: OnInternalError,
): MessageListener {
  return ({ data, subject }) => {
    try {
      listener(event.payload.parse(JSON.parse(data)));
    } catch (error) {
      onInternalError(new AppError('internal', 'an event was not handled', { cause: error }), subject);
    }
  };
}
