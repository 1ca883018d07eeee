import { AppError, type EventContract, type RpcContract, type ToolContract } from '@inferry/contracts';
import type { Bus, HandlerContext } from './bus.ts';
import { createCaller } from './caller.ts';
import { type BusTimings, defaultTimings } from './frames.ts';
import { createResponder, rpcAnswer, toolAnswer } from './responder.ts';
import type { Transport } from './transport.ts';

export interface BusOptions {
  /** Queue group of what this process serves: the service's name. */
  name: string;
  timings?: Partial<BusTimings>;
  maxCalls?: number;
  onInternalError?: (error: unknown, subject: string) => void;
}

/** The longest that a tool call may take: the wait ceiling plus what starting and answering cost. */
const toolTimeoutMs = 630_000;

/** The bus over any transport: typed contracts, one inbox per call, progress, heartbeats, deadlines, re-issue. */
export function createBus(transport: Transport, options: BusOptions): Bus {
  const timings = { ...defaultTimings, ...options.timings };
  const onInternalError = options.onInternalError ?? (() => undefined);
  const caller = createCaller(transport, timings);
  const responder = createResponder(transport, {
    timings,
    maxCalls: options.maxCalls ?? 20_000,
    onInternalError,
  });

  return {
    get isConnected() {
      return transport.isConnected;
    },
    async callTool(tool, args, callOptions) {
      const payload = JSON.stringify(args ?? {});
      return caller.send(tool.subject, payload, {
        ...callOptions,
        timeoutMs: callOptions.timeoutMs ?? toolTimeoutMs,
      });
    },
    async call(rpc, input, callOptions) {
      const timeoutMs = callOptions.timeoutMs ?? rpc.timeoutMs;
      const json = await caller.send(rpc.subject, JSON.stringify(input), { ...callOptions, timeoutMs });
      return rpc.output.parse(JSON.parse(json));
    },
    serve(contract: ToolContract | RpcContract, handler: unknown) {
      // as: `Handler<C>` is exactly this for the contract at hand; the overload's conditional type hides it.
      const run = handler as (input: never, context: HandlerContext) => Promise<unknown>;
      const answer =
        contract.kind === 'tool' ? toolAnswer(contract, run, onInternalError) : rpcAnswer(contract, run);
      responder.serve(contract.subject, options.name, answer);
    },
    publish(event, payload) {
      // An event may be lost by design; one that cannot be sent now is lost now.
      if (transport.isConnected)
        transport.publish({ subject: event.subject, data: JSON.stringify(event.payload.parse(payload)) });
    },
    on(event: EventContract, listener) {
      return transport.subscribe(event.subject, (message) => {
        const parsed = event.payload.safeParse(JSON.parse(message.data));
        // as: the listener's payload type is this contract's schema.
        if (parsed.success) listener(parsed.data as never);
        else onInternalError(new AppError('internal', 'malformed event'), event.subject);
      });
    },
    onStatus: (listener) => transport.onStatus(listener),
    drain: (graceMs) => responder.drain(graceMs),
    async close() {
      caller.close();
      responder.close();
      await transport.close();
    },
  };
}
