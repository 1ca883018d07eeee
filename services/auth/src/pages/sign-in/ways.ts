// How people sign in to a profile, and how its pages look: the deployment's ways, narrowed to the profile's platforms.
import type { Scope } from '@inferry/contracts';
import type { IdentityDriver } from '../../identity/driver.ts';
import type { PageContext, ProfilePages } from '../page-context.ts';
import { createSendPage } from '../send-page.ts';
import type { KeyProvider } from '../sign-in-page.ts';

export interface Ways extends Pick<PageContext, 'branding' | 'send'> {
  /** In the order in which they are offered. */
  drivers: readonly IdentityDriver[];
  keyProviders: readonly KeyProvider[];
  canSignUp: boolean;
  /** The key is asked for on the page where the client is allowed. */
  isKeyFirst: boolean;
  offeredScopes: readonly Scope[];
}

export type WaysAt = (profile: string | undefined) => Ways;

export function createWays(
  own: Pick<Ways, 'drivers' | 'keyProviders' | 'canSignUp'>,
  profiles: ReadonlyMap<string, ProfilePages> | undefined,
  { branding, send }: PageContext,
): WaysAt {
  const deployment: Ways = { ...own, branding, send, isKeyFirst: false, offeredScopes: [] };
  const all = new Map([...(profiles ?? [])].map(([key, profile]) => [key, waysOf(deployment, profile)]));
  return (profile) => all.get(profile ?? '') ?? deployment;
}

function waysOf(deployment: Ways, profile: ProfilePages): Ways {
  const { branding, providers, isKeyFirst = false, offeredScopes = [] } = profile;
  const isOwn = (slug: string | undefined) =>
    slug === undefined || providers === undefined || providers.includes(slug);
  const keyProviders = deployment.keyProviders.filter(({ slug }) => isOwn(slug));
  const drivers = deployment.drivers.filter(
    (driver) => (driver.id !== 'apikey' || keyProviders.length > 0) && isOwn(driver.provider),
  );
  const byKey = isKeyFirst ? drivers.filter(({ id }) => id === 'apikey') : [];
  return {
    ...deployment,
    ...(branding === undefined ? {} : { branding, send: createSendPage(branding) }),
    ...{ keyProviders, offeredScopes },
    drivers: [...byKey, ...drivers.filter((driver) => !byKey.includes(driver))],
    isKeyFirst: byKey.length > 0,
  };
}
