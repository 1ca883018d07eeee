import {
  listConnections,
  openCredential,
  passthroughSeen,
  readAccess,
  readVaultKey,
  releaseCredential,
  reportCredential,
  type Secret,
  verifyPassthrough,
} from '@inferry/contracts';
import { purposes } from '@inferry/credentials';
import type { Provider } from '@inferry/providers';
import type { Parts } from '@inferry/runtime';
import type { SpendingRules } from '../vault/connections.ts';
import { type Connections, createConnections } from '../vault/connections.ts';
import type { EnvironmentKey } from '../vault/environment-keys.ts';
import { createFingerprint, type Fingerprint } from '../vault/fingerprint.ts';
import type { KekProvider } from '../vault/key-ring.ts';
import { MemoryKeys } from '../vault/memory-keys.ts';
import { holdPassthrough, type PassthroughDeps, sweepPassthrough } from '../vault/passthrough.ts';
import { openVault, type Vault } from '../vault/vault.ts';
import { handleListConnections } from './list-connections.ts';
import { handleOpenCredential } from './open-credential.ts';
import { handleReadAccess } from './read-access.ts';
import { handleReadVaultKey } from './read-vault-key.ts';
import { handleReleaseCredential } from './release-credential.ts';
import { handleReportCredential } from './report-credential.ts';
import { handleVerifyPassthrough } from './verify-passthrough.ts';

export interface CredentialOptions {
  /** Undefined: no key is stored here. */
  keks?: KekProvider | undefined;
  environmentKeys?: readonly EnvironmentKey[] | undefined;
  passthroughKeys?: 'stored' | 'never-stored' | undefined;
  providers?: readonly Provider[] | undefined;
  /** What fingerprints of keys are made with; without it callers cannot bring their own. */
  fingerprintSecret?: Secret | undefined;
  /** Who may spend the keys of the deployment, and what everybody may use. */
  spending?: SpendingRules | undefined;
  now: () => number;
}

/** The vault, the connections in it, and what other services may ask of them. */
export interface CredentialService {
  /** Undefined: this deployment stores no keys. */
  vault: Vault | undefined;
  connections: Connections;
  fingerprint: Fingerprint | undefined;
  close(): void;
}

const sweepMs = 60_000;
const maxInMemory = 50_000;

export async function openCredentials(
  parts: Pick<Parts, 'bus' | 'database' | 'limits' | 'log'>,
  options: CredentialOptions,
): Promise<CredentialService> {
  const { bus, database, limits, log } = parts;
  const { keks, environmentKeys: environment = [], fingerprintSecret, now } = options;
  const vault = keks === undefined ? undefined : await openVault(database, keks);
  const memory =
    options.passthroughKeys === 'never-stored' ? new MemoryKeys({ now, limit: maxInMemory }) : undefined;
  const connections = createConnections({
    ...{ database, bus, vault, environment, memory, now },
    spending: options.spending,
  });
  const providers = new Map(options.providers?.map((provider) => [provider.slug, provider]));
  const deps = { database, bus, limits, providers, connections, memory, now };

  bus.serve(listConnections, handleListConnections(deps));
  bus.serve(readAccess, handleReadAccess(deps));
  bus.serve(reportCredential, handleReportCredential(deps));
  bus.serve(readVaultKey, handleReadVaultKey(vault));
  const fingerprint = fingerprintSecret === undefined ? undefined : createFingerprint(fingerprintSecret);
  const passthrough: PassthroughDeps = { ...deps, fingerprint: fingerprint ?? refuseFingerprint };
  bus.serve(openCredential, handleOpenCredential({ ...passthrough, bus }));
  bus.serve(releaseCredential, handleReleaseCredential(passthrough));
  bus.serve(verifyPassthrough, handleVerifyPassthrough(passthrough, fingerprint && vault));

  const onFault = (error: unknown) => log.warn({ err: error }, 'keys that callers brought along');
  const stopHearing = hearOthers(parts, { vault, passthrough, onFault });
  const timer = setInterval(() => void sweepPassthrough(passthrough).catch(onFault), sweepMs);
  timer.unref();
  return {
    vault,
    connections,
    fingerprint,
    close() {
      clearInterval(timer);
      stopHearing();
    },
  };
}

/** Keys that another replica was shown, where they are held in memory. */
function hearOthers(
  { bus }: Pick<Parts, 'bus'>,
  deps: { vault: Vault | undefined; passthrough: PassthroughDeps; onFault(error: unknown): void },
): () => void {
  const { vault, passthrough, onFault } = deps;
  if (vault === undefined || passthrough.memory === undefined) return () => undefined;
  const subscription = bus.on(passthroughSeen, ({ provider, sealed }) => {
    vault
      .transport()
      .then((recipient) => {
        const key = recipient.open(sealed, purposes.passthrough(provider));
        holdPassthrough(passthrough, { provider, key });
      })
      .catch(onFault);
  });
  return () => subscription.unsubscribe();
}

/** Never called: without the secret nobody is let in by a key of their own. */
function refuseFingerprint(): never {
  throw new Error('no secret to make fingerprints with');
}
