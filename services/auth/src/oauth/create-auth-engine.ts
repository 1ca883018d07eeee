import type { Subscription } from '@inferry/bus';
import { jwksChanged } from '@inferry/contracts';
import { bindRecord, findRecord } from '@inferry/database/oauth';
import type { Parts } from '@inferry/runtime';
import type Provider from 'oidc-provider';
import { z } from 'zod';
import type { AuthEngine, OAuthEvent } from './auth-engine.ts';
import { createClientGrants } from './clients/client-grants.ts';
import { createClientStore } from './clients/client-store.ts';
import { type StaticClient, toEngineClient } from './clients/static-client.ts';
import { createDocumentFetch, type DocumentFetchOptions } from './documents/document-fetch.ts';
import { recordIdOf } from './engine/record-id.ts';
import { type AdmitPerson, addEnterpriseGrant, jwtBearer } from './enterprise/enterprise-grant.ts';
import type { EnterpriseIssuer } from './enterprise/enterprise-issuer.ts';
import { createGrants } from './grants/grants.ts';
import { createUsage, type Usage } from './grants/usage.ts';
import type { OAuthPages } from './interactions/interactions.ts';
import { openIssuer, type SharedParts, settingsAt } from './issuers.ts';
import { startUpkeep, type Upkeep } from './jobs/upkeep.ts';
import { defaultScope } from './policy/scopes.ts';
import { createSingleFlight } from './refresh/single-flight.ts';
import type { OAuthSettings } from './settings.ts';
import { openKeyRing } from './signing/key-ring.ts';
import { createLocalSealer, type KeySealer } from './signing/key-sealer.ts';

export type AuthEngineParts = Pick<Parts, 'bus' | 'database' | 'limits' | 'log'>;

export interface AuthEngineOptions {
  settings: OAuthSettings;
  /** The pages of an issuer: the deployment's own, or the one at the host of a profile. */
  pages(settings: OAuthSettings): OAuthPages;
  /** Seals the signing keys; by default with a key from the deployment's secret. */
  sealer?: KeySealer | undefined;
  /** Clients that the operator knows, such as services with credentials of their own. */
  clients?: readonly StaticClient[] | undefined;
  /** Identity providers of enterprises, and who their people are here. */
  enterprise?: { issuers: readonly EnterpriseIssuer[]; admit: AdmitPerson } | undefined;
  /** For tests, which have loopback only. */
  documents?: DocumentFetchOptions | undefined;
  /** See `HttpDeps.takeMinted`. */
  takeMinted?: SharedParts['takeMinted'];
  onEvent?: ((event: OAuthEvent) => void) | undefined;
  now?: (() => number) | undefined;
}

/** Opens the authorization server. Replicas on one database are equal: any of them may answer any request. */
export async function createAuthEngine(
  parts: AuthEngineParts,
  options: AuthEngineOptions,
): Promise<AuthEngine> {
  const { bus, database, limits, log } = parts;
  const { settings, now = Date.now } = options;
  const emit = (event: OAuthEvent): void => options.onEvent?.(event);
  const onFault = (error: unknown): void => {
    log.error({ err: error }, 'the authorization server failed');
    emit({ name: 'fault', error });
  };
  const ring = await openKeyRing({
    ...{ database, bus, now, sealer: options.sealer ?? createLocalSealer(settings.secret) },
    ...{ accessTokenSeconds: settings.accessTokenSeconds, keyRotationDays: settings.keyRotationDays },
  });
  const clients = createClientStore({ database, settings, now });
  const grants = createGrants({
    ...{ database, bus, now, grantSeconds: settings.grantSeconds },
    onRevoked: (grantId) => emit({ name: 'grant_revoked', grantId }),
  });
  const usage = createUsage({ database, clients, log, now });
  const known = options.clients ?? [];
  const { enterprise } = options;
  const documents = createDocumentFetch({ limits, settings, log, now, ...options.documents });
  const shared: SharedParts = {
    ...{ database, ring, clients, grants, limits, documents, now, onFault },
    takeMinted: options.takeMinted,
    staticClients: known.map(toEngineClient),
    grantOfClient: createClientGrants({ grants, clients: known }),
    fetchDocument: documents.fetch,
    onTokens(use) {
      usage.note(use);
      emit({ name: 'tokens_issued', ...use });
    },
    singleFlight: createSingleFlight({ database, graceSeconds: settings.refreshGraceSeconds, now }),
    scopesOfClient: (id) => known.find(({ clientId }) => clientId === id)?.scopes ?? [defaultScope],
    async scopesOfRefresh(token) {
      const recordId = recordIdOf('RefreshToken', token);
      const row = await findRecord(database.queries, { recordId, at: now() });
      return row === undefined ? undefined : Scoped.parse(JSON.parse(row.payload)).scope.split(' ');
    },
    bind: (uid, browser) =>
      bindRecord(database.queries, { recordId: recordIdOf('Interaction', uid), browser }),
    grantTypes: grantTypesOf(known, hasIssuers(enterprise)),
  };
  const extendAt = (own: OAuthSettings) => (provider: Provider) => {
    if (hasIssuers(enterprise)) addEnterpriseGrant(provider, { ...enterprise, settings: own, grants });
  };
  const main = openIssuer(shared, { settings, pages: options.pages(settings), extend: extendAt(settings) });
  const ofHosts = settings.profileHosts.map((host) => {
    const own = settingsAt(settings, host);
    return openIssuer(shared, { settings: own, pages: options.pages(own), extend: extendAt(own), host });
  });
  const upkeep = startUpkeep({ database, ring, limits, log, now });
  // Not only read: without the key that was taken out there may be none left.
  const subscription = bus.on(jwksChanged, () => void ring.rotate().catch(onFault));
  return {
    ...{ issuer: settings.issuer, interactions: main.interactions, grants, ring, tick: upkeep.run },
    async routes(app) {
      for (const issuer of [main, ...ofHosts]) await issuer.routes(app);
    },
    killGrant: (grantId) => grants.revoke(grantId),
    ...lifeOf({ upkeep, usage, subscription }),
  };
}

/** What the engine keeps of a refresh token, as far as we read it. */
const Scoped = z.object({ scope: z.string().default('') });

interface Running {
  upkeep: Upkeep;
  usage: Usage;
  subscription: Subscription;
}

function lifeOf({ upkeep, usage, subscription }: Running): Pick<AuthEngine, 'drain' | 'close'> {
  return {
    async drain() {
      await Promise.all([upkeep.stop(), usage.flush()]);
    },
    async close() {
      subscription.unsubscribe();
      await upkeep.stop();
      await usage.close();
    },
  };
}

function hasIssuers<E extends { issuers: readonly EnterpriseIssuer[] }>(
  enterprise: E | undefined,
): enterprise is E {
  return enterprise !== undefined && enterprise.issuers.length > 0;
}

function grantTypesOf(clients: readonly StaticClient[], hasEnterprise: boolean): string[] {
  const own = clients.some(({ grantTypes }) => grantTypes.includes('client_credentials'));
  return [
    ...['authorization_code', 'refresh_token'],
    ...(own ? ['client_credentials'] : []),
    ...(hasEnterprise ? [jwtBearer] : []),
  ];
}
