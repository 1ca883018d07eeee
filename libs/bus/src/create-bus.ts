/** The bus over any transport: what calls, what answers, and a reply as the tool of a call shows it. */
import {
  type AnyOperation,
  type AnyTool,
  AppError,
  type ErrorEnvelope,
  type EventContract,
  hasWords,
  InputRequired,
  inWords,
  isObject,
  isShort,
  type JsonObject,
  parseArguments,
  parseMade,
  type RpcContract,
  type Told,
  type ToolResult,
  toAppError,
  toErrorResult,
  valueInWords,
  withDigitsAsText,
} from '@inferry/contracts';
import { toolOf } from '@inferry/profiles';
import type { z } from 'zod';
import type { Bus, CallOptions, HandlerContext, Served } from './bus.ts';
import { cancelled, tooLate } from './call-errors.ts';
import { Caller, type SendOptions } from './caller.ts';
import { type BusTimings, defaultTimings, type OnInternalError, steadyNow } from './frames.ts';
import { type AcceptedSpeakers, type Answer, Responder } from './responder.ts';
import type { Statements } from './statements.ts';
import { markFailed } from './tracing.ts';
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

// Handlers as the bus calls them, JSON in and JSON out: an operation’s reply is shown by the tool that a call names.

/** Any handler, where its contract's types do not matter. */
type AnyHandler = (input: never, handlerContext: HandlerContext) => Promise<unknown>;

interface Showing {
  find(toolId: string): AnyTool | undefined;
  onInternalError: OnInternalError;
}

/** A call by a tool has a `ToolResult`, even when it failed: the error is for the agent to read. Any other has the reply. */
function operationAnswer(
  operation: AnyOperation,
  handler: AnyHandler,
  { find, onInternalError }: Showing,
): Answer {
  return async (data, handlerContext, toolId) => {
    if (toolId === undefined) {
      // as: parseArguments has just checked the input against the schema that types the handler.
      const input = parseArguments(operation, JSON.parse(data)) as never;
      return JSON.stringify(await handler(input, handlerContext)) ?? 'null';
    }
    const tool = find(toolId);
    if (tool === undefined)
      throw new AppError('tool_not_available', 'This service does not know the tool yet.');
    const told: Told<JsonObject> = { args: undefined, words: tool.profile.words };
    try {
      const input = readInput(tool, operation, { data, told });
      handlerContext.isShort = (reply) => isShort(tool.present(reply, told), structureOf(tool, reply, told));
      return showReply(tool, await handler(input, handlerContext), told);
    } catch (error) {
      if (error instanceof InputRequired) throw error;
      if (!(error instanceof AppError)) onInternalError(error, operation.subject);
      const known = toAppError(error);
      markFailed(known);
      handlerContext.failure = known;
      return showError(tool, known.toEnvelope(), told);
    }
  };
}

/** What another operation is called with goes on with a call of the tool: it is the operation's own input. */
function readInput(
  tool: AnyTool,
  operation: AnyOperation,
  { data, told }: { data: string; told: Told<JsonObject> },
): never {
  const raw: unknown = JSON.parse(data);
  // as: parseArguments has just checked the input against the schema that types the handler.
  if (tool.operation.name !== operation.name) return parseArguments(operation, raw) as never;
  const args = tool.parse?.(raw) ?? parseArguments(tool, raw);
  told.args = args;
  if (tool.toInput === undefined) return args as never;
  return parseMade(operation, tool.toInput(args, told)) as never;
}

/** In the words of the profile: few replies name a call, and those that do are said again; so are numbers that few clients hold. */
function showReply(tool: AnyTool, reply: unknown, told: Told<JsonObject>): string {
  const shown = show(tool, reply, told);
  if (shown.includes('$integer')) {
    const said: unknown = JSON.parse(withDigitsAsText(JSON.stringify(reply)));
    return inWords(show(tool, valueInWords(said, told.words), told), told.words);
  }
  return hasWords(shown) ? inWords(show(tool, valueInWords(reply, told.words), told), told.words) : shown;
}

function show(tool: AnyTool, reply: unknown, told: Told<JsonObject>): string {
  const failure = tool.toFailure?.(reply, told);
  if (failure !== undefined) return JSON.stringify(toErrorResult(inCodes(tool, failure)));
  const content = tool.present(reply, told);
  const failed = tool.isFailed?.(reply) === true ? { isError: true as const } : {};
  const { isContentOnly = false, toStructured } = tool;
  const isSaid = failed.isError && isObject(reply) && reply.error !== undefined;
  if (isContentOnly && !(isSaid && toStructured)) return JSON.stringify({ content, ...failed });
  const structuredContent = structureOf(tool, reply, told);
  return JSON.stringify({ ...costMeta(reply), content, structuredContent, ...failed } satisfies ToolResult);
}

/** What a run cost, for programs, whatever its tool shows of it. First in the result, where a gateway adds to it. */
function costMeta(holder: unknown): Pick<ToolResult, '_meta'> {
  const run = isObject(holder) ? holder.run : undefined;
  if (!isObject(run) || !isObject(run.cost)) return {};
  return { _meta: { 'inferry/cost': { run_id: run.run_id, status: run.status, ...run.cost } } };
}

function structureOf(tool: AnyTool, reply: unknown, told: Told<JsonObject>): Record<string, unknown> {
  // as: without a function of its own, a tool's structure is the reply, which its output schema describes.
  return tool.toStructured === undefined
    ? (reply as Record<string, unknown>)
    : tool.toStructured(reply, told);
}

/** An error as the clients of a tool's profile are told it. */
function showError(tool: AnyTool, error: ErrorEnvelope, told: Told<JsonObject>): string {
  // as: an envelope whose texts alone were said in other words.
  const said = valueInWords(error, told.words) as ErrorEnvelope;
  const shown = tool.toError === undefined ? said : tool.toError(said, told);
  const result: ToolResult = { ...costMeta(error.details), ...toErrorResult(inCodes(tool, shown)) };
  return inWords(JSON.stringify(result), told.words);
}

function inCodes(tool: AnyTool, error: ErrorEnvelope): ErrorEnvelope {
  const code = tool.profile.codes[error.code];
  return code === undefined ? error : { ...error, code };
}

/** An rpc's answer is the handler's value; what it throws goes back as an error. */
function rpcAnswer(rpc: RpcContract, handler: AnyHandler): Answer {
  return async (data, handlerContext) => {
    // as: the contract's own schema has just parsed it.
    const input = rpc.input.parse(JSON.parse(data)) as never;
    return JSON.stringify(await handler(input, handlerContext)) ?? 'null';
  };
}
