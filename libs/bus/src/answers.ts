import {
  type AnyTool,
  AppError,
  InputRequired,
  parseArguments,
  type RpcContract,
  type ToolResult,
  toAppError,
  toErrorResult,
} from '@inferry/contracts';
import type { HandlerContext } from './bus.ts';
import type { OnInternalError } from './frames.ts';
import { markFailed } from './tracing.ts';

/** What the two kinds of contract have in common once their handler is wrapped: JSON in, JSON out. */
export type Answer = (data: string, handlerContext: HandlerContext) => Promise<string>;

/** Any handler, where its contract's types do not matter. */
export type AnyHandler = (input: never, handlerContext: HandlerContext) => Promise<unknown>;

/** A tool's answer is a `ToolResult` even when it failed: the error is for the agent to read. */
export function toolAnswer(tool: AnyTool, handler: AnyHandler, onInternalError: OnInternalError): Answer {
  return async (data, handlerContext) => {
    try {
      // as: parseArguments has just checked the arguments against the schema that types the handler.
      const input = parseArguments(tool, JSON.parse(data)) as never;
      const reply = await handler(input, handlerContext);
      const content = tool.present(reply);
      if (tool.isContentOnly === true) return JSON.stringify({ content });
      const result: ToolResult = { content, structuredContent: tool.toStructured(reply) };
      return JSON.stringify(result);
    } catch (error) {
      if (error instanceof InputRequired) throw error;
      if (!(error instanceof AppError)) onInternalError(error, tool.subject);
      const known = toAppError(error);
      markFailed(known);
      return JSON.stringify(toErrorResult(known.toEnvelope()));
    }
  };
}

/** An rpc's answer is the handler's value; what it throws goes back as an error. */
export function rpcAnswer(rpc: RpcContract, handler: AnyHandler): Answer {
  return async (data, handlerContext) => {
    // as: the contract's own schema has just parsed it.
    const input = rpc.input.parse(JSON.parse(data)) as never;
    return JSON.stringify(await handler(input, handlerContext)) ?? 'null';
  };
}
