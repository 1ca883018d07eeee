import type { FastifyReply } from 'fastify';
import type { WebSocket } from 'ws';
import type { z } from 'zod';
import type { Emulator } from './emulator.ts';
import type { FailureKind } from './failure-kind.ts';
import type { RouteKind } from './scenario.ts';

export interface Answer {
  status: number;
  body?: unknown;
  headers?: Readonly<Record<string, string>>;
}

/** Thrown by a handler to answer with something else than 200. */
export class Refusal extends Error {
  override readonly name = 'Refusal';
  readonly answer: Answer;

  constructor(answer: Answer) {
    super(`answers ${answer.status}`);
    this.answer = answer;
  }
}

export interface EmulatedCall {
  params: Readonly<Record<string, string>>;
  query: Readonly<Record<string, string | string[] | undefined>>;
  headers: Readonly<Record<string, string | undefined>>;
  /** Parsed by the route's schema; a `FormData` for `form`, a `Buffer` for `bytes`. */
  body: unknown;
  rawBody: Buffer;
  /** For what JSON cannot say: streams. Call `reply.hijack()` first. */
  reply: FastifyReply;
}

export interface EmulatedRoute {
  method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** As Fastify writes it, below the base: `/v1/jobs/:id`, `/models/*`. */
  path: string;
  /** By the body, where one address takes calls of every kind. */
  kind: RouteKind | ((body: unknown) => RouteKind);
  /** Of `bases`; default `api`. */
  base?: string;
  /** Answers without a key. */
  isOpen?: boolean;
  /** Names that the query may have; anything else is refused and recorded. */
  query?: readonly string[];
  /** Further header names that may come. */
  headers?: readonly string[];
  /** Of a JSON body (use `z.strictObject`), or `form` (multipart), or `bytes`. None: there must be no body. */
  body?: z.ZodType | 'form' | 'bytes';
  /** What it returns is the JSON of a 200; `undefined` after `reply.hijack()`; throw `Refusal` for the rest. */
  handle(call: EmulatedCall): unknown;
}

/** A route for one call: its kind is known. */
export interface CalledRoute extends EmulatedRoute {
  kind: RouteKind;
}

/** An emulated platform: pure data, and routes made for one state. */
export interface EmulatorDefinition {
  slug: string;
  title: string;
  /** Names besides `api`, as in the adapter's definition: each gets its own prefix, `/<slug>.<name>`. */
  bases?: readonly string[];
  /** How its keys look; default `emulated-`. */
  keyPrefix?: string;
  /** Where the key is; default `Authorization: Bearer`. */
  readKey?(headers: EmulatedCall['headers'], query: EmulatedCall['query']): string | undefined;
  /** The headers that carry a key, for replayed requests; default `Authorization: Bearer`. */
  authorization?(key: string): Readonly<Record<string, string>>;
  /** Further header names that may come with any call. */
  headers?: readonly string[];
  /** Header names of official clients, let through in tests with them. */
  clientHeaders?: RegExp;
  /** The same of query names. */
  clientQuery?: RegExp;
  /** In the platform's own words. */
  failures: Readonly<Record<FailureKind, (detail: string) => Answer>>;
  /** Where its documents contradict each other: name and meaning. Off unless switched on. */
  quirks?: Readonly<Record<string, string>>;
  routes(emulator: Emulator): readonly EmulatedRoute[];
  /** Takes web sockets below a base; false refuses. */
  acceptSocket?(
    emulator: Emulator,
    socket: { ws: WebSocket; path: string; query: URLSearchParams; key: string | undefined },
  ): void;
}
