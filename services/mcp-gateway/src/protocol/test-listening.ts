import type { JsonObject } from '@inferry/contracts';
import { expect, vi } from 'vitest';
import { acceptStream, framesOf, modern, type TestGateway } from '../test-gateway.ts';

/** An open stream of changes. Test support, not part of the service. */
export interface Listening {
  text: string;
  isEnded: boolean;
  stop(): void;
}

/** Listens at a gateway; ready once that is acknowledged. */
export async function listenAt(
  gateway: TestGateway | undefined,
  notifications: unknown,
  meta: JsonObject = {},
): Promise<Listening> {
  const { body, headers } = modern('subscriptions/listen', { notifications }, meta);
  const abort = new AbortController();
  const response = await fetch(gateway?.url ?? '', {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...acceptStream, ...headers },
    body: JSON.stringify({ ...body, id: 'listen-1' }),
    signal: abort.signal,
  });
  const listening: Listening = { text: '', isEnded: false, stop: () => abort.abort() };
  void read(response, listening).catch(() => undefined);
  await vi.waitFor(() => expect(listening.text).toContain('acknowledged'));
  return listening;
}

async function read(response: Response, listening: Listening): Promise<void> {
  const decoder = new TextDecoder();
  for await (const chunk of response.body ?? []) listening.text += decoder.decode(chunk, { stream: true });
  listening.isEnded = true;
}

export function methodsOf({ text }: Listening): unknown[] {
  return framesOf(text).map(({ method }) => method);
}
