import { type Secret, unlessAborted } from '@inferry/contracts';
import type { Probe, Provider } from '@inferry/providers';

export interface ProbeRequest {
  key: Secret;
  baseUrl?: string | undefined;
  timeoutMs: number;
}

/** What a platform says of a key, its balance included; `unknown` when it does not answer in time. Never rejects. */
export async function probeKey(provider: Provider | undefined, request: ProbeRequest): Promise<Probe> {
  if (provider?.probe === undefined) return { outcome: 'unknown' };
  const context = {
    credential: request.key,
    baseUrl: request.baseUrl,
    signal: AbortSignal.timeout(request.timeoutMs),
  };
  try {
    const probe = await unlessAborted(provider.probe(context), context.signal);
    if (probe.outcome !== 'ok' || probe.balance !== undefined || provider.balance === undefined) return probe;
    const balance = await unlessAborted(provider.balance(context), context.signal).catch(() => undefined);
    return balance === undefined ? probe : { ...probe, balance };
  } catch {
    // No answer is no verdict: a platform that is away must not cost anybody their key.
    return { outcome: 'unknown' };
  }
}
