import { Principal } from '@inferry/contracts';
import { context, propagation } from '@opentelemetry/api';
import { z } from 'zod';
import type { SendOptions } from './caller.ts';
import type { Statements } from './statements.ts';

/** The header of a call beside those of the W3C trace context: one, since each costs both sides what a field does not. */
export const callHeader = 'Inferry-Call';

/** What travels beside a call's payload, as JSON. */
const CallEnvelope = z.object({
  /** Milliseconds left, not a point in time: the clocks of two machines need not agree. */
  timeout_ms: z.number(),
  /** Where nothing is signed: in tests, and for a release that reads no statements. */
  principal: Principal.optional(),
  /** Whom the call is made for, signed. */
  statement: z.string().max(8_192).optional(),
  id: z.string(),
  /** The tool that shows the reply, as `<profile>/<tool>`; without one the caller gets the reply itself. */
  tool: z.string().max(200).optional(),
  wait: z.object({ defaultSeconds: z.number(), maxSeconds: z.number() }).optional(),
  attachment: z.string().optional(),
  client: z
    .object({
      capabilities: z.record(z.string(), z.unknown()),
      responses: z.record(z.string(), z.unknown()),
      state: z.string().optional(),
      agent: z.string().optional(),
      agentVersion: z.string().optional(),
      isOverStdio: z.literal(true).optional(),
    })
    .optional(),
});
export type CallEnvelope = z.infer<typeof CallEnvelope>;

/** The gateway holds one frozen principal per credential, so most calls find theirs written already. */
const principalTexts = new WeakMap<Principal, string>();

function toPrincipalText(principal: Principal): string {
  const known = principalTexts.get(principal);
  if (known !== undefined) return known;
  const text = JSON.stringify(principal);
  principalTexts.set(principal, text);
  return text;
}

/** The envelope without its time, which is another one each time that the call is issued; `id` for a call without one. */
export function toEnvelopeText(
  { principal, grant, callId, tool, wait, attachment, client }: Omit<SendOptions, 'timeoutMs'>,
  id: string,
  statements: Statements | undefined,
): string {
  let text = `"id":${JSON.stringify(callId ?? id)}`;
  // A key and a name of our own: nothing in them needs an escape.
  if (tool !== undefined) text += `,"tool":"${tool}"`;
  if (statements === undefined || statements.acceptsUnsigned) {
    text += `,"principal":${toPrincipalText(principal)}`;
  }
  // A statement is base64url with a dot: nothing in it needs an escape.
  if (statements !== undefined) text += `,"statement":"${grant ?? statements.write(principal)}"`;
  if (wait !== undefined) {
    text += `,"wait":{"defaultSeconds":${wait.defaultSeconds},"maxSeconds":${wait.maxSeconds}}`;
  }
  if (attachment !== undefined) text += `,"attachment":${JSON.stringify(attachment)}`;
  if (client !== undefined) text += `,"client":${JSON.stringify(client)}`;
  return text;
}

/** The headers of a call that has so many milliseconds left. */
export function toHeaders(
  envelopeText: string,
  timeoutMs: number,
  trace: Readonly<Record<string, string>> | undefined,
): Record<string, string> {
  const envelope = `{"timeout_ms":${timeoutMs},${envelopeText}}`;
  return trace === undefined ? { [callHeader]: envelope } : { ...trace, [callHeader]: envelope };
}

/** The W3C trace context of whoever is running; undefined where nobody traces. */
export function traceHeaders(): Record<string, string> | undefined {
  const headers: Record<string, string> = {};
  propagation.inject(context.active(), headers);
  for (const _name in headers) return headers;
  return undefined;
}

/** Throws when it is none. */
export function readEnvelope(text: string | undefined): CallEnvelope {
  return CallEnvelope.parse(JSON.parse(text ?? 'null'));
}
