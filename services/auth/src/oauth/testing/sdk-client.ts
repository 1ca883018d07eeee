import { z } from 'zod';
import { nextOf, TestBrowser } from './browser.ts';

const Information = z.looseObject({ client_id: z.string() });
const Tokens = z.looseObject({
  access_token: z.string(),
  token_type: z.string(),
  refresh_token: z.string().optional(),
  scope: z.string().optional(),
});

/**
 * What an application gives the SDKs of either generation: a memory, and a browser in which somebody signs in and allows
 * what is asked for.
 */
export class ScriptedApplication {
  clientMetadataUrl?: string;
  readonly redirectUrl = 'http://127.0.0.1:43110/callback';
  readonly clientMetadata = {
    client_name: 'SDK client',
    redirect_uris: ['http://127.0.0.1:43110/callback'],
    scope: 'mcp',
  };
  /** What came back to the application. */
  callback: URL | undefined;
  information: z.infer<typeof Information> | undefined;
  saved: z.infer<typeof Tokens> | undefined;
  registrations = 0;
  readonly #origin: string;
  #verifier = '';
  #discovery: unknown;

  constructor(origin: string, clientMetadataUrl?: string) {
    this.#origin = origin;
    if (clientMetadataUrl !== undefined) this.clientMetadataUrl = clientMetadataUrl;
  }

  state(): string {
    return 'state of the application';
  }
  clientInformation(): z.infer<typeof Information> | undefined {
    return this.information;
  }
  saveClientInformation(information: unknown): void {
    this.registrations += 1;
    this.information = Information.parse(information);
  }
  tokens(): z.infer<typeof Tokens> | undefined {
    return this.saved;
  }
  saveTokens(tokens: unknown): void {
    this.saved = Tokens.parse(tokens);
  }
  saveCodeVerifier(verifier: string): void {
    this.#verifier = verifier;
  }
  codeVerifier(): string {
    return this.#verifier;
  }
  // biome-ignore lint/suspicious/noExplicitAny: each SDK keeps a state of its own shape.
  saveDiscoveryState(state: any): void {
    this.#discovery = state;
  }
  // biome-ignore lint/suspicious/noExplicitAny: each SDK keeps a state of its own shape.
  discoveryState(): any {
    return this.#discovery;
  }
  invalidateCredentials(scope: string): void {
    if (scope === 'all' || scope === 'client') this.information = undefined;
    if (scope === 'all' || scope === 'tokens') this.saved = undefined;
    if (scope === 'all' || scope === 'discovery') this.#discovery = undefined;
  }
  async redirectToAuthorization(url: URL): Promise<void> {
    const browser = new TestBrowser(this.#origin);
    const consent = await browser.open(url.href);
    const scope = [...consent.html.matchAll(/value="([\w:]+)" checked/g)].map(([, name = '']) => name);
    this.callback = nextOf(await browser.submit(consent, { name: 'ada', decision: 'allow', scope }));
  }
}

/** `fetch` with the document of the protected resource, which is the gateway's. */
export function withResourceMetadata(
  issuer: string,
): (url: string | URL, init?: RequestInit) => Promise<Response> {
  return async (url, init) => {
    if (!String(url).includes('/.well-known/oauth-protected-resource')) return fetch(url, init);
    return Response.json({
      resource: `${issuer}/mcp`,
      authorization_servers: [issuer],
      scopes_supported: ['mcp'],
    });
  };
}
