import type { z } from 'zod';
import type { ContentBlock } from './content.ts';
import { type JsonObject, toPortableSchema } from './portable-schema.ts';
import type { Scope } from './principal.ts';
import type { TaskState } from './task.ts';

/**
 * How a call that was cut off is answered nevertheless: by another call, which starts nothing and has a result of the
 * same shape.
 */
export interface Continuation {
  /** The tool to call; absent where it is the same one. */
  tool?: AnyTool;
  /**
   * Its arguments, of the first call's arguments and of what that call told about itself (`Progress.data`); undefined
   * while there is nothing to go on with.
   */
  args(given: JsonObject, known: Readonly<Record<string, string>>): JsonObject | undefined;
}

/** A call of another tool. */
export interface TaskCall {
  tool: AnyTool;
  args: JsonObject;
}

/**
 * How the calls of a tool are tasks: the record that the tool makes is the task, and other tools of its service read
 * and end it. Nothing is kept about tasks anywhere else.
 */
export interface TaskMapping {
  /** What the ids of these tasks begin with. */
  idPrefix: string;
  /** True when the tool can be called by nobody but a client that takes tasks. */
  isRequired: boolean;
  /** The arguments with which a call returns as soon as its record is durable. */
  detach(args: JsonObject): JsonObject;
  /** The task in a result's structure; undefined when there is none, and the result stands for itself. */
  read(structured: JsonObject): TaskState | undefined;
  get(id: string): TaskCall;
  cancel(id: string): TaskCall;
  /** Absent when these tasks never ask for anything. */
  update?(id: string, responses: JsonObject): TaskCall;
}

export type Toolset = 'discover' | 'run' | 'files' | 'account' | 'wrappers' | 'infra';

/** MCP tool annotations; all four are stated for every tool (MCP 2026-07-28, tools). */
export interface ToolAnnotations {
  readOnlyHint: boolean;
  destructiveHint: boolean;
  idempotentHint: boolean;
  openWorldHint: boolean;
}

/** As tools tell it in `_meta.ui` (MCP Apps 2026-01-26). */
export interface ToolUi {
  resourceUri: string;
}

export interface ToolContract<
  I extends z.ZodObject = z.ZodObject,
  O extends z.ZodObject = z.ZodObject,
  R extends z.ZodType = z.ZodType,
> {
  kind: 'tool';
  name: string;
  subject: string;
  title: string;
  description: string;
  toolset: Toolset;
  scope: Scope;
  input: I;
  /** What clients see as `structuredContent`: no top-level field is required, `error` is always declared. */
  output: O;
  /** What the handler returns; the same as `output` unless the result carries more than the structure. */
  reply: R;
  annotations: ToolAnnotations;
  /** True for the tools whose call may last longer than two seconds; they are answered with progress. */
  isLong: boolean;
  /**
   * For the tools whose call waits for a run as long as `wait_seconds` says: how long it waits when that is not given,
   * the usual time of its client or not at all.
   */
  waits?: 'as_usual' | 'when_asked';
  /** True when a result is content alone: some clients show the model no content beside a structure. */
  isContentOnly?: boolean;
  /** True when the handler may throw `InputRequired` or log to the client: it is told what the client can do. */
  isInteractive?: boolean;
  /** For the tools whose work goes on after the call. */
  task?: TaskMapping;
  /** For the tools whose wait another call can take over. */
  continuation?: Continuation;
  /** What a host that shows views shows of a call (MCP Apps). */
  ui?: ToolUi;
  /** The MCP content of a reply: the same facts as the structure, because clients show one or the other. */
  present(reply: z.infer<R>): ContentBlock[];
  /** `reply` without what only `present` needs. */
  toStructured(reply: z.infer<R>): z.infer<O>;
  inputSchema: JsonObject;
  /** Absent for `isContentOnly`. */
  outputSchema?: JsonObject | undefined;
}

export interface ToolDefinition<I extends z.ZodObject, O extends z.ZodObject, R extends z.ZodType> {
  name: string;
  title: string;
  description: string;
  toolset: Toolset;
  scope: Scope;
  input: I;
  output: O;
  annotations: ToolAnnotations;
  isLong?: boolean;
  waits?: 'as_usual' | 'when_asked';
  isContentOnly?: boolean;
  isInteractive?: boolean;
  task?: TaskMapping;
  continuation?: Continuation;
  ui?: ToolUi;
  /** Arguments that are required although the schema of `input` lets them be absent: the handler says more of them. */
  explained?: readonly (keyof z.infer<I> & string)[];
  reply?: R;
  present(reply: z.infer<R>): ContentBlock[];
  toStructured?(reply: z.infer<R>): z.infer<O>;
}

/** Any tool, where only its name, texts and schemas matter. */
export type AnyTool = ToolContract;

export function defineTool<I extends z.ZodObject, O extends z.ZodObject, R extends z.ZodType = O>(
  definition: ToolDefinition<I, O, R>,
): ToolContract<I, O, R> {
  const { explained = [], ...shared } = definition;
  return {
    kind: 'tool',
    subject: `tools.v1.${definition.name}`,
    isLong: false,
    // as: R defaults to O, and a definition with another reply type states it together with toStructured.
    reply: definition.output as unknown as R,
    // as: the same; a list-wide test parses every example reply with `output`.
    toStructured: (reply) => reply as unknown as z.infer<O>,
    ...shared,
    inputSchema: withRequired(toPortableSchema(definition.input, 'input'), explained),
    outputSchema:
      definition.isContentOnly === true ? undefined : toPortableSchema(definition.output, 'output'),
  };
}

function withRequired(schema: JsonObject, names: readonly string[]): JsonObject {
  const { required = [], ...rest } = schema;
  if (!Array.isArray(required) || names.length === 0) return schema;
  return { ...rest, required: [...required, ...names] };
}

/** An internal request between services; `subject` is `rpc.v1.<service>.<verb>`. */
export interface RpcContract<I extends z.ZodType = z.ZodType, O extends z.ZodType = z.ZodType> {
  kind: 'rpc';
  subject: string;
  input: I;
  output: O;
  /** How long a caller waits by default: long enough for a second try after the first responder died. */
  timeoutMs: number;
  /** Also answered for a run whose owner is not there; the handler keeps to that one run. */
  servesRuns?: boolean;
}

export function defineRpc<I extends z.ZodType, O extends z.ZodType>(
  definition: Omit<RpcContract<I, O>, 'kind' | 'timeoutMs'> & { timeoutMs?: number },
): RpcContract<I, O> {
  return { kind: 'rpc', timeoutMs: 15_000, ...definition };
}

/** A fact that happened; `subject` is `events.v1.<noun>.<past_participle>`. */
export interface EventContract<P extends z.ZodType = z.ZodType> {
  kind: 'event';
  subject: string;
  payload: P;
}

export function defineEvent<P extends z.ZodType>(
  definition: Omit<EventContract<P>, 'kind'>,
): EventContract<P> {
  return { kind: 'event', ...definition };
}
