/** Handlers as the bus calls them, JSON in and JSON out: an operation's reply is shown by the tool that a call names. */
import {
  type AnyOperation,
  type AnyTool,
  AppError,
  type ErrorEnvelope,
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
import type { HandlerContext } from './bus.ts';
import type { OnInternalError } from './frames.ts';
import { markFailed } from './tracing.ts';

/** What every kind of contract has once its handler is wrapped; `toolId` is the tool that the call names. */
export type Answer = (
  data: string,
  handlerContext: HandlerContext,
  toolId: string | undefined,
) => Promise<string>;

/** Any handler, where its contract's types do not matter. */
export type AnyHandler = (input: never, handlerContext: HandlerContext) => Promise<unknown>;

interface Showing {
  find(toolId: string): AnyTool | undefined;
  onInternalError: OnInternalError;
}

/** A call by a tool has a `ToolResult`, even when it failed: the error is for the agent to read. Any other has the reply. */
export function operationAnswer(
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
export function rpcAnswer(rpc: RpcContract, handler: AnyHandler): Answer {
  return async (data, handlerContext) => {
    // as: the contract's own schema has just parsed it.
    const input = rpc.input.parse(JSON.parse(data)) as never;
    return JSON.stringify(await handler(input, handlerContext)) ?? 'null';
  };
}
