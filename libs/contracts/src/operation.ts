/** What services answer and tell on the bus: operations, internal requests and events, each with its schemas and its subject. */
import type { z } from 'zod';
import { type JsonObject, toPortableSchema } from './portable-schema.ts';
import type { Scope } from './principal.ts';
import type { TaskState } from './task.ts';

/**
 * How a call that was cut off is answered nevertheless: by another call, which starts nothing and has a reply that the
 * same tool can show.
 */
export interface Continuation {
  /** The operation to call instead; absent where the same call is made again. */
  operation?: AnyOperation;
  /**
   * Its input, of what the call told about itself (`Progress.data`) and of how long it was to wait; undefined while there
   * is nothing to go on with.
   */
  input?(known: Readonly<Record<string, string>>, waitSeconds: number | undefined): JsonObject | undefined;
}

/** A call of an operation. */
export interface OperationCall {
  operation: AnyOperation;
  input: JsonObject;
}

/**
 * How the calls of an operation are tasks: the record that it makes is the task, and other operations of its service read
 * and end it. Nothing is kept about tasks anywhere else. A call that is to be a task waits for nothing.
 */
export interface TaskMapping {
  /** What the ids of these tasks begin with. */
  idPrefix: string;
  /** True when it can be called by nobody but a client that takes tasks. */
  isRequired: boolean;
  /** The input with which a call returns as soon as its record is durable, where waiting for nothing is not enough. */
  detach?(input: JsonObject): JsonObject;
  /** The task in a reply; undefined when there is none, and the result stands for itself. */
  read(reply: JsonObject): TaskState | undefined;
  get(id: string): OperationCall;
  cancel(id: string): OperationCall;
  /** Absent when these tasks never ask for anything. */
  update?(id: string, responses: JsonObject): OperationCall;
}

export const toolsets = [
  'discover',
  'run',
  'files',
  'account',
  'wrappers',
  'assets',
  'infra',
  'batches',
] as const;
export type Toolset = (typeof toolsets)[number];

/** What `all` names. The library of files and batches are named by themselves: clients have few places for tools. */
export const allToolsets: readonly Toolset[] = toolsets.filter(
  (name) => name !== 'assets' && name !== 'batches',
);

/** What a client sees that asks for nothing in particular. */
export const defaultToolsets: readonly Toolset[] = ['discover', 'run', 'files', 'account'];

/** What a service answers; one or several tools lead to it. */
export interface Operation<I extends z.ZodObject = z.ZodObject, R extends z.ZodType = z.ZodType> {
  kind: 'operation';
  name: string;
  /** `ops.v1.<name>` */
  subject: string;
  toolset: Toolset;
  scope: Scope;
  input: I;
  inputSchema: JsonObject;
  /** What the handler returns. */
  reply: R;
  /** True when a call may last longer than two seconds; it is answered with progress. */
  isLong: boolean;
  /**
   * For what waits for a run as long as the caller says: how long it waits when that is not said, the usual time of its
   * client or not at all.
   */
  waits?: 'as_usual' | 'when_asked';
  /** True when a call carries or makes a file, which may take long while somebody is seen to work on it. */
  makesFile?: boolean;
  /** True when the handler may throw `InputRequired` or log to the client: it is told what the client can do. */
  isInteractive?: boolean;
  /** For what goes on after the call. */
  task?: TaskMapping;
  /** For what waits and can be taken over by another call. */
  continuation?: Continuation;
}

/** Any operation, where its types do not matter. */
export type AnyOperation = Operation;

export type OperationDefinition<I extends z.ZodObject, R extends z.ZodType> = Omit<
  Operation<I, R>,
  'kind' | 'subject' | 'inputSchema' | 'isLong'
> & { isLong?: boolean };

export function defineOperation<I extends z.ZodObject, R extends z.ZodType>(
  definition: OperationDefinition<I, R>,
): Operation<I, R> {
  return {
    kind: 'operation',
    subject: `ops.v1.${definition.name}`,
    isLong: false,
    inputSchema: toPortableSchema(definition.input, 'input'),
    ...definition,
  };
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
