import type { AnyTool } from './contract.ts';
import type { InputRequests } from './input-required.ts';
import type { JsonObject } from './portable-schema.ts';

/** Work that goes on after its call, as the Tasks extension shows it (SEP-2663). */
export interface TaskState {
  id: string;
  /** `failed` is for calls that could not be made; work that ran and failed is `completed` with `isError`. */
  status: 'working' | 'input_required' | 'completed' | 'failed' | 'cancelled';
  message?: string | undefined;
  createdAt: string;
  updatedAt: string;
  /** How long the id answers; null when that is not limited. */
  ttlMs: number | null;
  pollMs: number;
  isError?: boolean;
  inputRequests?: InputRequests;
  error?: { code: number; message: string };
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
