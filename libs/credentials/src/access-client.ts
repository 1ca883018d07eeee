import type { Bus, Subscription } from '@inferry/bus';
import { AppError, connectionChanged, grantRevoked, type Principal, readAccess } from '@inferry/contracts';
import type { z } from 'zod';

/** What one caller can use, as the vault says. */
export interface Access {
  /** `missing` for a provider that was not asked about. */
  stateOf(provider: string): AccessState;
  /** Whether the caller may spend the deployment's keys at all. */
  mayUseDeployment: boolean;
}
type AccessState = z.infer<typeof readAccess.output>['providers'][number]['state'];

/** Who can use what. Answers are kept for a few seconds, and forgotten when keys or grants change. */
export interface AccessClient {
  /** Rejects with `unavailable` when nobody can be asked: then nobody can use anything. */
  of(principal: Principal): Promise<Access>;
  close(): void;
}

interface AccessClientOptions {
  /** The providers that there are, and whether they need a key. */
  providers: readonly { slug: string; needsKey?: boolean }[];
  now?: () => number;
}

interface Kept {
  access: Promise<Access>;
  until: number;
  grantId: string;
}

const keptMs = 5_000;
const maxKept = 10_000;
const timeoutMs = 5_000;

/** Asks the vault what a caller can use; the same question is on its way once. */
export function createAccessClient(
  bus: Pick<Bus, 'call' | 'on' | 'onStatus'>,
  { providers, now = Date.now }: AccessClientOptions,
): AccessClient {
  const asked = providers.map(({ slug, needsKey = false }) => ({ slug, needs_key: needsKey }));
  const kept = new Map<string, Kept>();

  async function ask(principal: Principal): Promise<Access> {
    const answer = await bus.call(readAccess, { providers: asked }, { principal, timeoutMs });
    const states = new Map(answer.providers.map(({ slug, state }) => [slug, state]));
    return {
      stateOf: (provider) => states.get(provider) ?? 'missing',
      mayUseDeployment: answer.may_use_deployment,
    };
  }

  function keep(key: string, grantId: string, access: Promise<Access>): void {
    kept.delete(key);
    kept.set(key, { access, until: now() + keptMs, grantId });
    const oldest = kept.keys().next();
    if (kept.size > maxKept && !oldest.done) kept.delete(oldest.value);
  }

  const subscriptions: Subscription[] = [
    // A key of the deployment, or of a team, is somebody else's change of access.
    bus.on(connectionChanged, () => kept.clear()),
    bus.on(grantRevoked, ({ grant_id: grantId }) => {
      for (const [key, one] of kept) if (one.grantId === grantId) kept.delete(key);
    }),
  ];
  // What was said while this process could not hear is unknown.
  bus.onStatus((isConnected) => {
    if (isConnected) kept.clear();
  });

  return {
    of(principal) {
      const { subject, grant_id: grantId } = principal;
      const key = JSON.stringify([subject, grantId]);
      const known = kept.get(key);
      if (known !== undefined && known.until > now()) return known.access;
      const access = ask(principal).catch((error: unknown) => {
        if (kept.get(key)?.access === access) kept.delete(key);
        throw toFailure(error);
      });
      keep(key, grantId, access);
      return access;
    },
    close() {
      for (const subscription of subscriptions) subscription.unsubscribe();
      kept.clear();
    },
  };
}

function toFailure(error: unknown): AppError {
  if (error instanceof AppError && error.code === 'cancelled') return error;
  return new AppError('unavailable', 'What you can use here cannot be found out now.', {
    retryAfterSeconds: 2,
    nextAction: 'Try again in a few seconds.',
    cause: error,
  });
}
