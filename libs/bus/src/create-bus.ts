import {
  AppError,
  type EventContract,
  type RpcContract,
  type ToolContract,
  toAppError,
} from '@inferry/contracts';
import type { z } from 'zod';
import { type AnyHandler, rpcAnswer, toolAnswer } from './answers.ts';
import type { Bus } from './bus.ts';
import { Caller } from './caller.ts';
import { type BusTimings, defaultTimings, type OnInternalError } from './frames.ts';
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

  return {
    get isConnected() {
      return transport.isConnected;
    },
    get load() {
      return { asking: caller.pendingCalls, answering: responder.activeCalls };
    },
    callTool(tool, args, callOptions) {
      const timeoutMs = callOptions.timeoutMs ?? toolTimeoutMs;
      return caller.send(tool.subject, JSON.stringify(args ?? {}), { ...callOptions, timeoutMs });
    },
    async call(rpc, input, callOptions) {
      const timeoutMs = callOptions.timeoutMs ?? rpc.timeoutMs;
      const json = await caller.send(rpc.subject, JSON.stringify(input) ?? 'null', {
        ...callOptions,
        timeoutMs,
      });
      return parseReply(rpc, json, onInternalError);
    },
    serve(contract: ToolContract | RpcContract, handler: unknown) {
      // as: `Handler<C>` is exactly this for the contract at hand; the overload's conditional type hides it.
      const run = handler as AnyHandler;
      const answer =
        contract.kind === 'tool' ? toolAnswer(contract, run, onInternalError) : rpcAnswer(contract, run);
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

/** A tool is called by a person's client; a service on its own has the internal requests, a run those that say so. */
function acceptedSpeakers(contract: ToolContract | RpcContract): AcceptedSpeakers {
  return { services: contract.kind === 'rpc', runs: contract.kind === 'rpc' && contract.servesRuns === true };
}

/** A reply that does not fit its contract is our own fault, and no caller's business. */
function parseReply<O extends z.ZodType>(
  rpc: RpcContract<z.ZodType, O>,
  json: string,
  onInternalError: OnInternalError,
): z.infer<O> {
  try {
    return rpc.output.parse(JSON.parse(json));
  } catch (error) {
    onInternalError(error, rpc.subject);
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
