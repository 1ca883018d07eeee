// The issuers of a deployment: its own, and one at the host of each profile that has one, with cookies and pages of that
// host. What they give and keep is shared: clients, grants and signing keys.
import { issuerOfHost, type ProfileHost } from '@inferry/runtime';
import type { FastifyInstance } from 'fastify';
import { createProtocolEngine, type ProtocolEngineParts } from './engine/protocol-engine.ts';
import type { HttpDeps } from './http/http-deps.ts';
import { oauthRoutes } from './http/routes.ts';
import { createBrowsers } from './interactions/browser.ts';
import { createInteractions, type InteractionDeps } from './interactions/create-interactions.ts';
import type { Interactions, OAuthPages } from './interactions/interactions.ts';
import { plainViews } from './interactions/plain-views.ts';
import type { OAuthSettings } from './settings.ts';

/** What every issuer of a deployment has in common. */
export type SharedParts = Omit<ProtocolEngineParts, 'settings' | 'extend'> &
  Omit<InteractionDeps, 'engine' | 'browsers' | 'settings' | 'views'> &
  Omit<HttpDeps, 'engine' | 'browsers' | 'interactions' | 'pages' | 'views' | 'settings'> & {
    grantTypes: readonly string[];
  };

export interface Issuer {
  interactions: Interactions;
  routes(app: FastifyInstance): Promise<void>;
}

/** The deployment's settings as they are at the host of a profile. */
export function settingsAt(settings: OAuthSettings, host: ProfileHost): OAuthSettings {
  const { issuer: deployment } = settings;
  return { ...settings, deployment, issuer: issuerOfHost(host, deployment), profile: host.profile };
}

export function openIssuer(
  shared: SharedParts,
  {
    settings,
    pages,
    extend,
    host,
  }: {
    settings: OAuthSettings;
    pages: OAuthPages;
    extend: ProtocolEngineParts['extend'];
    /** Of a profile: its routes answer for that host alone. */
    host?: ProfileHost | undefined;
  },
): Issuer {
  const engine = createProtocolEngine({ ...shared, settings, extend });
  const browsers = createBrowsers({ ...settings, maxAgeSeconds: settings.interactionSeconds });
  const views = { ...plainViews, ...pages.views };
  const interactions = createInteractions({ ...shared, engine, browsers, settings, views });
  const deps = { ...shared, engine, browsers, interactions, pages, views, settings };
  return {
    interactions,
    async routes(app) {
      if (host === undefined) return oauthRoutes(app, deps);
      const constraints = { host: patternOf(host) };
      await app.register(async (scope) => {
        scope.addHook('onRoute', (route) => {
          route.constraints = constraints;
        });
        await oauthRoutes(scope, deps);
      });
    },
  };
}

/** Every spelling of a host that a client may send; a port that a scheme implies is none. */
function patternOf({ host }: ProfileHost): RegExp {
  const { hostname, port } = new URL(`http://${host}`);
  const name = hostname.replaceAll(/[.[\]]/g, '\\$&');
  const ports = port === '' || port === '443' ? '(?::(?:80|443))?' : `:${port}`;
  return new RegExp(`^${name}\\.?${ports}$`, 'i');
}
