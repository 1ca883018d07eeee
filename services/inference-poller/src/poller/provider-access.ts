/** With whose key a run is made at its platform, and what is known of keys that were refused there. */
import { AppError, argumentOf, hint, Recent, runModel } from '@inferry/contracts';
import type { Holder, OpenedCredential } from '@inferry/credentials';
import { hasOpenRuns, type RunRow } from '@inferry/database';
import type { ProviderContext } from '@inferry/providers';
import type { InferenceDeps } from '../deps.ts';
import { optionsOf } from '../runs/run-document.ts';

/** Nobody is asked for a key of the models that run on this machine. */
const localModels = 'local';

type Owned = Pick<RunRow, 'subject' | 'grant_id' | 'provider' | 'options'>;

/**
 * The key that a run uses at its provider; undefined where there is none, and for the models of this machine, which
 * need none. A run that was sent stays with the connection that it was sent with: another account knows nothing of it.
 */
export async function accessOf(
  deps: Pick<InferenceDeps, 'credentials'>,
  row: Owned,
  signal: AbortSignal,
): Promise<OpenedCredential | undefined> {
  if (row.provider === localModels) return undefined;
  const { connection } = optionsOf(row);
  return deps.credentials.get(row.provider, holderOf(row), { signal, connectionId: connection });
}

/** The owner, with what was signed for this run when it began. */
function holderOf(row: Owned): Holder {
  const { subject, grant_id } = row;
  return { subject, grant_id, grant: optionsOf(row).grant };
}

/** Nothing is sent to a platform without the key that it needs: it would answer for nobody, or to whoever asks. */
export function refuseWithoutKey(
  deps: Pick<InferenceDeps, 'providers'>,
  row: Pick<RunRow, 'provider'>,
  access: OpenedCredential | undefined,
): void {
  const provider = deps.providers.get(row.provider);
  if (access !== undefined || provider?.needsKey !== true) return;
  throw new AppError(
    'provider_not_connected',
    `There is no key of ${provider.title} for this run any more.`,
    {
      nextAction: `Connect the platform again, then run again${hint` with a new ${argumentOf(runModel, 'client_ref')}`}.`,
    },
  );
}

/** What an adapter is told of whose call it is. */
export function toContext(access: OpenedCredential | undefined): Omit<ProviderContext, 'signal'> {
  if (access === undefined) return {};
  const { credential, baseUrl } = access;
  return { credential, ...(baseUrl === undefined ? {} : { baseUrl }) };
}

/** Tells the vault of a key that was refused twice: it asks the platform itself before anything follows from it. */
export function noteOutcome(
  deps: Pick<InferenceDeps, 'credentials' | 'refusals' | 'log'>,
  row: Owned,
  outcome: { access: OpenedCredential | undefined; error?: unknown },
): void {
  const { access, error } = outcome;
  if (access === undefined) return;
  const { connectionId } = access;
  if (!isRefusedKey(error)) {
    if (error === undefined) deps.refusals.accepted(connectionId);
    return;
  }
  if (!deps.refusals.isSecond(connectionId)) return;
  deps.credentials.report(row.provider, connectionId, holderOf(row)).then(
    (verdict) => deps.log.warn({ provider: row.provider, connectionId, verdict }, 'a provider refuses a key'),
    (failure: unknown) => deps.log.warn({ err: failure, connectionId }, 'a refused key was not reported'),
  );
}

/** How long a platform is left alone that did not say how long. */
const defaultLimitSeconds = 10;

/**
 * Tells the vault that the platform wants to be left alone with this key; true when the same owner has another one that
 * can be used meanwhile. Never rejects.
 */
export async function noteLimit(
  deps: Pick<InferenceDeps, 'credentials' | 'log'>,
  row: Owned,
  outcome: { access: OpenedCredential | undefined; error: unknown },
): Promise<boolean> {
  const { access, error } = outcome;
  if (access === undefined || !(error instanceof AppError) || error.code !== 'rate_limited') return false;
  const { connectionId } = access;
  const seconds = error.retryAfterSeconds ?? defaultLimitSeconds;
  try {
    return await deps.credentials.reportLimit(row.provider, { connectionId, seconds }, holderOf(row));
  } catch (failure) {
    deps.log.warn({ err: failure, connectionId }, 'a limited key was not reported');
    return false;
  }
}

/** The key that its caller brought along is wiped after the last run that needs it. Never rejects. */
export async function releaseAccess(deps: InferenceDeps, row: RunRow): Promise<void> {
  if (optionsOf(row).bringsKey !== true) return;
  const { subject, provider } = row;
  try {
    if (await hasOpenRuns(deps.database.queries, { subject, provider })) return;
    await deps.credentials.release(provider, holderOf(row));
  } catch (error) {
    // It ends by itself a while after its last use.
    deps.log.warn({ err: error, runId: row.run_id }, 'a key that was brought along was not released');
  }
}

function isRefusedKey(error: unknown): boolean {
  return error instanceof AppError && (error.code === 'unauthorized' || error.upstreamStatus === 401);
}

/** Refusals of a key in a row, over all runs of this process. */
export class KeyRefusals {
  /** The connections whose key was refused when it was used last. */
  readonly #refused = new Recent<true>(10_000);

  /** True for the second one in a row: once may be a mistake of the platform's. */
  isSecond(connectionId: string): boolean {
    const isSecond = this.#refused.get(connectionId) === true;
    if (isSecond) this.#refused.delete(connectionId);
    else this.#refused.set(connectionId, true);
    return isSecond;
  }

  accepted(connectionId: string): void {
    this.#refused.delete(connectionId);
  }
}
