import {
  type AnyTool,
  AppError,
  Principal,
  parseArguments,
  type RpcContract,
  shortWait,
  type ToolResult,
  toAppError,
  toErrorResult,
  type WaitBudget,
} from '@inferry/contracts';
import { context, propagation, ROOT_CONTEXT, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';
import type { HandlerContext, Progress } from './bus.ts';
import { type BusTimings, type FrameKind, headerNames } from './frames.ts';
import type { IncomingMessage, Transport, TransportSubscription } from './transport.ts';

/** What the two kinds of contract have in common once their handler is wrapped: JSON in, JSON out. */
type Answer = (data: string, handlerContext: HandlerContext) => Promise<string>;

interface ActiveCall {
  reply: string;
  abort: AbortController;
}

export interface ResponderOptions {
  timings: BusTimings;
  /** Calls at once in this process; one more is answered `busy`. */
  maxCalls: number;
  /** Told of each failure that is not an `AppError`: the one place where it is logged. */
  onInternalError(error: unknown, subject: string): void;
}

export interface Responder {
  serve(subject: string, queue: string, answer: Answer): void;
  drain(graceMs: number): Promise<void>;
  close(): void;
}

const tracer = trace.getTracer('@inferry/bus');

/** The answering side: heartbeats, deadlines and cancellation for every call that this process handles. */
export function createResponder(transport: Transport, options: ResponderOptions): Responder {
  const active = new Map<string, ActiveCall>();
  const subscriptions: TransportSubscription[] = [];
  const draining = new AbortController();
  let whenIdle: (() => void) | undefined;

  const cancels = transport.subscribe('cancel.v1.>', (message) => {
    active.get(message.subject.slice('cancel.v1.'.length))?.abort.abort();
  });
  const heartbeat = setInterval(() => {
    for (const call of active.values()) send(call.reply, 'H', '');
  }, options.timings.heartbeatMs);
  heartbeat.unref();

  function send(reply: string, kind: FrameKind, json: string): void {
    // A transport that is down or closed drops the frame: the caller notices the silence and asks again.
    if (transport.isConnected) transport.publish({ subject: reply, data: kind + json });
  }

  function sendResult(reply: string, json: string): void {
    if (Buffer.byteLength(json) < transport.maxPayloadBytes) return send(reply, 'R', json);
    const error = new AppError('message_too_large', 'The result is too large to pass on.', {
      nextAction: 'Ask for less at once: a smaller limit, max_chars or max_px.',
    });
    send(reply, 'E', JSON.stringify(error.toEnvelope()));
  }

  async function handle(message: IncomingMessage, reply: string, answer: Answer): Promise<void> {
    const abort = new AbortController();
    active.set(reply, { reply, abort });
    const deadlineAt = Number(message.header(headerNames.deadline) ?? Date.now() + 30_000);
    const timer = setTimeout(
      () => abort.abort(),
      Math.max(0, Math.min(deadlineAt - Date.now(), 2 ** 31 - 1)),
    );
    try {
      const handlerContext: HandlerContext = {
        ...readContext(message, deadlineAt),
        signal: abort.signal,
        draining: draining.signal,
        progress: (step: Progress) => send(reply, 'P', JSON.stringify(step)),
      };
      sendResult(reply, await answer(message.data, handlerContext));
    } catch (error) {
      if (!(error instanceof AppError)) options.onInternalError(error, message.subject);
      send(reply, 'E', JSON.stringify(toAppError(error).toEnvelope()));
    } finally {
      clearTimeout(timer);
      active.delete(reply);
      if (active.size === 0) whenIdle?.();
    }
  }

  function traced(message: IncomingMessage, reply: string, answer: Answer): Promise<void> {
    const parent = propagation.extract(ROOT_CONTEXT, message, {
      get: (carrier, key) => carrier.header(key),
      keys: () => [],
    });
    const attributes = { 'messaging.system': 'nats', 'messaging.destination.name': message.subject };
    const span = tracer.startSpan(
      `process ${message.subject}`,
      { kind: SpanKind.CONSUMER, attributes },
      parent,
    );
    return context.with(trace.setSpan(parent, span), () =>
      handle(message, reply, answer)
        .catch(() => span.setStatus({ code: SpanStatusCode.ERROR }))
        .then(() => span.end()),
    );
  }

  return {
    serve(subject, queue, answer) {
      const listener = (message: IncomingMessage) => {
        const { reply } = message;
        if (reply === undefined) return;
        if (active.size < options.maxCalls) return void traced(message, reply, answer);
        const busy = new AppError('busy', 'Too many calls at once.', { retryAfterSeconds: 1 });
        send(reply, 'E', JSON.stringify(busy.toEnvelope()));
      };
      subscriptions.push(transport.subscribe(subject, listener, queue));
    },
    async drain(graceMs) {
      for (const subscription of subscriptions) subscription.unsubscribe();
      draining.abort();
      if (active.size > 0) await firstOf(new Promise<void>((resolve) => (whenIdle = resolve)), graceMs);
      for (const call of active.values()) call.abort.abort();
    },
    close() {
      clearInterval(heartbeat);
      cancels.unsubscribe();
    },
  };
}

/** A tool's answer is a `ToolResult` even when it failed: the error is for the agent to read. */
export function toolAnswer(
  tool: AnyTool,
  handler: (input: never, handlerContext: HandlerContext) => Promise<unknown>,
  onInternalError: ResponderOptions['onInternalError'],
): Answer {
  return async (data, handlerContext) => {
    try {
      // as: parseArguments has just checked the arguments against the schema that types the handler.
      const input = parseArguments(tool, JSON.parse(data)) as never;
      const reply = await handler(input, handlerContext);
      const result: ToolResult = {
        content: tool.present(reply),
        structuredContent: tool.toStructured(reply),
      };
      return JSON.stringify(result);
    } catch (error) {
      if (!(error instanceof AppError)) onInternalError(error, tool.subject);
      return JSON.stringify(toErrorResult(toAppError(error).toEnvelope()));
    }
  };
}

export function rpcAnswer(
  rpc: RpcContract,
  handler: (input: never, handlerContext: HandlerContext) => Promise<unknown>,
): Answer {
  return async (data, handlerContext) => {
    // as: the contract's own schema has just parsed it.
    const input = rpc.input.parse(JSON.parse(data)) as never;
    return JSON.stringify(await handler(input, handlerContext));
  };
}

function readContext(
  message: IncomingMessage,
  deadlineAt: number,
): Pick<HandlerContext, 'principal' | 'callId' | 'wait' | 'deadlineAt'> {
  const wait = message.header(headerNames.wait);
  return {
    principal: Principal.parse(JSON.parse(message.header(headerNames.principal) ?? 'null')),
    callId: message.header(headerNames.callId) ?? '',
    deadlineAt,
    // as: written by our own caller from a WaitBudget.
    wait: wait === undefined ? shortWait : (JSON.parse(wait) as WaitBudget),
  };
}

async function firstOf(done: Promise<void>, graceMs: number): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, graceMs);
  await Promise.race([done, promise]);
  clearTimeout(timer);
}
