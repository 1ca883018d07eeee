import { randomUUID } from 'node:crypto';
import type { Principal } from '@inferry/contracts';
import { context, propagation } from '@opentelemetry/api';
import type { CallOptions } from './bus.ts';
import { headerNames } from './frames.ts';

/** The gateway holds one frozen principal per credential, so most calls find theirs written already. */
const principalTexts = new WeakMap<Principal, string>();

function toPrincipalText(principal: Principal): string {
  const known = principalTexts.get(principal);
  if (known !== undefined) return known;
  const text = JSON.stringify(principal);
  principalTexts.set(principal, text);
  return text;
}

/** What travels beside a call's payload: the principal, the call's id and the W3C trace context. */
export function toHeaders(options: CallOptions): Record<string, string> {
  const headers: Record<string, string> = {
    [headerNames.principal]: toPrincipalText(options.principal),
    [headerNames.callId]: options.callId ?? randomUUID(),
  };
  if (options.wait !== undefined) headers[headerNames.wait] = JSON.stringify(options.wait);
  if (options.attachment !== undefined) headers[headerNames.attachment] = options.attachment;
  if (options.client !== undefined) {
    headers[headerNames.client] = Buffer.from(JSON.stringify(options.client)).toString('base64url');
  }
  propagation.inject(context.active(), headers);
  return headers;
}
