import { createHash } from 'node:crypto';
import { isObject, type JsonObject, type Secret } from '@inferry/contracts';
import { createSignedText } from './signed-text.ts';

/** The request that a state belongs to. */
export interface StateOwner {
  subject: string;
  method: string;
  params: JsonObject;
}

/**
 * What a service wants to know again when the client comes back with its answers (MCP 2026-07-28, multi round-trip
 * requests). The client holds it, so it is signed, bound to whom and what it was made for, and soon over. A service
 * that must not be told twice stores a nonce of its own.
 */
export interface RequestStates {
  seal(owner: StateOwner, state: string): string;
  open(owner: StateOwner, sealed: string): string | undefined;
}

const lifeMs = 15 * 60_000;

export function createRequestStates(key: Secret, now: () => number = Date.now): RequestStates {
  const signed = createSignedText(key, 'request-state');
  return {
    seal: (owner, state) => signed.sign({ about: digest(owner), expiresAt: now() + lifeMs, state }),
    open(owner, sealed) {
      const value = signed.verify(sealed);
      if (value === undefined || value.about !== digest(owner)) return undefined;
      const { expiresAt, state } = value;
      return typeof state === 'string' && Number(expiresAt) > now() ? state : undefined;
    },
  };
}

function digest({ subject, method, params }: StateOwner): string {
  const about = [subject, method, params.name, params.uri, params.arguments ?? {}];
  return createHash('sha256').update(JSON.stringify(about, sortKeys)).digest('base64url');
}

/** The same arguments in another order are the same arguments. */
function sortKeys(_key: string, value: unknown): unknown {
  if (!isObject(value)) return value;
  return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)));
}
