import { createServer, type Server } from 'node:http';
import { Provider } from 'oidc-provider';

/** An OpenID provider of somebody's organisation, certified software, with one person who is always signed in there. */
export interface IdentityProvider {
  issuer: string;
  clientId: string;
  clientSecret: string;
  /** Requests that reached its authorization endpoint. */
  visits: URL[];
  close(): Promise<void>;
}

export interface IdentityProviderOptions {
  callbackUrl: string;
  email?: string;
  /** It stays at its own page. */
  isSlow?: boolean;
}

export async function openIdentityProvider(options: IdentityProviderOptions): Promise<IdentityProvider> {
  const { callbackUrl, email = 'grace@acme.example', isSlow = false } = options;
  const visits: URL[] = [];
  const server = createServer();
  const issuer = await listen(server);
  const client = { clientId: 'inferry', clientSecret: 'a secret of the two of them' };
  const provider = new Provider(issuer, {
    clients: [
      { client_id: client.clientId, client_secret: client.clientSecret, redirect_uris: [callbackUrl] },
    ],
    cookies: { keys: ['only for this test'] },
    claims: { openid: ['sub'], email: ['email', 'email_verified'], profile: ['name'] },
    conformIdTokenClaims: false,
    features: { devInteractions: { enabled: false } },
    findAccount: (_context, sub) => ({
      accountId: sub,
      claims: () => ({ sub, email, email_verified: true, name: 'Grace Hopper' }),
    }),
    interactions: { url: (_context, { uid }) => `/interaction/${uid}` },
  });
  const callback = provider.callback();
  server.on('request', (request, response) => {
    const url = new URL(request.url ?? '/', issuer);
    if (url.pathname === '/auth') visits.push(url);
    if (url.pathname.startsWith('/interaction/') && isSlow) response.end('Please wait.');
    else if (url.pathname.startsWith('/interaction/')) void approve(provider, { request, response });
    else void callback(request, response);
  });
  return {
    issuer,
    ...client,
    visits,
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

type Exchange = {
  request: Parameters<Provider['interactionDetails']>[0];
  response: Parameters<Provider['interactionDetails']>[1];
};

/** Nobody is asked anything: the worst case for whoever relies on a question there. */
async function approve(provider: Provider, { request, response }: Exchange): Promise<void> {
  const { params, session } = await provider.interactionDetails(request, response);
  const accountId = session?.accountId ?? 'grace';
  const grant = new provider.Grant({ accountId, clientId: String(params.client_id) });
  grant.addOIDCScope(String(params.scope));
  const consent = { grantId: await grant.save() };
  await provider.interactionFinished(request, response, { login: { accountId }, consent });
}

async function listen(server: Server): Promise<string> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  return `http://127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 0}`;
}
