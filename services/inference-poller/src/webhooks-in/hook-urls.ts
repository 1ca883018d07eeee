import { isPrivateHost, type Secret } from '@inferry/contracts';
import type { Provider } from '@inferry/providers';
import { createHookToken } from './hook-token.ts';

export interface HookSettings {
  /** Where clients and platforms reach this deployment. */
  publicUrl: string | undefined;
  /** `auto`: when the host of `publicUrl` can be on the internet. */
  mode: 'auto' | 'on' | 'off';
  /** The same on every replica; without one no address can be made or read. */
  secret: Secret | undefined;
}

/** Platforms try again for about two hours; later than that nothing is sent. */
const afterDeadlineMs = 3 * 3_600_000;

/** The address to which a provider may report a run, where it is able to and can reach us. */
export type HookUrls = (
  run: { run_id: string; deadline_at: number },
  provider: Provider,
) => string | undefined;

export function createHookUrls({ publicUrl, mode, secret }: HookSettings): HookUrls {
  const isReachable = publicUrl !== undefined && (mode === 'on' || (mode === 'auto' && isPublic(publicUrl)));
  if (!isReachable || secret === undefined) return () => undefined;
  return ({ run_id: runId, deadline_at: deadlineAt }, { slug, readWebhook }) => {
    if (readWebhook === undefined) return undefined;
    const claims = { runId, provider: slug, expiresAt: deadlineAt + afterDeadlineMs };
    return `${publicUrl}/hooks/v1/${createHookToken(claims, secret)}`;
  };
}

function isPublic(url: string): boolean {
  return URL.canParse(url) && !isPrivateHost(new URL(url).hostname);
}
