import type { Readable } from 'node:stream';
import type { ReadJsonOptions } from '@inferry/contracts';
import type { FormData } from 'undici';
import type { FailureRule, Headers } from '../errors/index.ts';
import type { AddressRequest } from './bases.ts';

export interface Call extends Omit<AddressRequest, 'connectionBase'> {
  method?: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  headers?: Readonly<Record<string, string>>;
  /** At most one of these three. */
  json?: unknown;
  form?: FormData;
  bytes?: Uint8Array | Readable;
  /** Without the key, wherever it goes: a presigned upload, a public catalog. */
  isKeyless?: boolean;
  /** Statuses besides 2xx that are answers and no failures. */
  accept?: readonly number[];
  timeoutMs?: number;
  maxBytes?: number;
  /** What whole numbers beyond 2^53 become (`readJson`): `number` where they are bounds of a schema. Default `text`. */
  integers?: ReadJsonOptions['integers'];
  /** Instead of the client's rule. */
  rule?: FailureRule | undefined;
}

export interface Reply<T> {
  status: number;
  headers: Headers;
  body: T;
}
