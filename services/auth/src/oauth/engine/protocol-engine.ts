import type { RequestListener } from 'node:http';
import type { Scope } from '@inferry/contracts';
import Provider, { type Configuration } from 'oidc-provider';
import type { KeyRing } from '../signing/key-ring.ts';
import type { SigningKey } from '../signing/signing-key.ts';
import { type ConfigurationParts, toConfiguration } from './configuration.ts';
import { type EngineContext, engineContext } from './engine-context.ts';
import { askEngine, type EngineReply, type EngineRequest } from './inject.ts';

/** A sign-in in progress, as the engine keeps it. */
export interface EngineSignIn {
  uid: string;
  /** The parameters of the authorization request, checked. */
  params: Readonly<Record<string, unknown>>;
}

export interface EngineClient {
  id: string;
  name: string | undefined;
  redirectUris: readonly string[];
  /** Known by a document at its own id (a URL). */
  isDocument: boolean;
}

export type Decision =
  | { subject: string; grantId: string; scopes: readonly Scope[] }
  | { error: string; description: string };

/** OAuth as such, behind our policy. Nothing outside of this folder knows what it is made of. */
export interface ProtocolEngine {
  ask(request: EngineRequest): Promise<EngineReply>;
  findSignIn(uid: string): Promise<EngineSignIn | undefined>;
  findClient(clientId: string, context: EngineContext): Promise<EngineClient | undefined>;
  /** Ends a sign-in; the reply redirects to the client. */
  decide(uid: string, decision: Decision, context: EngineContext): Promise<EngineReply>;
}

export interface ProtocolEngineParts extends Omit<ConfigurationParts, 'keys'> {
  ring: KeyRing;
  /** Adds to the engine what its settings cannot. */
  extend?: ((provider: Provider) => void) | undefined;
  /** Told of every answer with tokens. */
  onTokens(use: { grantId: string; clientId: string }): void;
  /** Told of faults of ours, which callers see as `server_error`. */
  onFault(error: unknown): void;
}

interface Built {
  keys: readonly SigningKey[];
  provider: Provider;
  callback: RequestListener;
}

/** The engine over the current signing keys: it is built anew when they change, since it cannot change its own. */
export function createProtocolEngine(parts: ProtocolEngineParts): ProtocolEngine {
  let built: Built | undefined;

  function current(): Built {
    const keys = parts.ring.keys();
    if (built === undefined || built.keys !== keys) built = build(parts, keys);
    return built;
  }

  const ask = (request: EngineRequest): Promise<EngineReply> =>
    askEngine(current().callback, parts.settings.issuer, request);

  return {
    ask,
    async findSignIn(uid) {
      const found = await current().provider.Interaction.find(uid);
      return found === undefined ? undefined : { uid, params: found.params };
    },
    async findClient(clientId, context) {
      const { provider } = current();
      const client = await engineContext.run(context, () => provider.Client.find(clientId));
      if (client === undefined) return undefined;
      return {
        id: client.clientId,
        name: client.clientName,
        redirectUris: client.redirectUris ?? [],
        isDocument: 'clientIdMetadataDocument' in client,
      };
    },
    async decide(uid, decision, context) {
      const { provider, callback } = current();
      const found = await provider.Interaction.find(uid);
      if (found !== undefined) {
        found.result = toResult(decision);
        // What was ticked is what is granted, narrower or wider than what was asked for.
        if ('scopes' in decision) found.params.scope = decision.scopes.join(' ');
        await found.save(Math.max(1, found.exp - Math.floor(Date.now() / 1_000)));
      }
      return askEngine(callback, parts.settings.issuer, {
        method: 'GET',
        path: `/oauth/authorize/${uid}`,
        headers: { cookie: `${provider.cookieName('resume')}=${uid}` },
        context,
      });
    },
  };
}

function build(parts: ProtocolEngineParts, keys: readonly SigningKey[]): Built {
  const configuration: Configuration = toConfiguration({
    ...parts,
    keys: keys.map(({ privateJwk }) => ({ ...privateJwk })),
  });
  const provider = new Provider(parts.settings.issuer, configuration);
  // It sees no socket, only what `askEngine` tells it.
  provider.proxy = true;
  provider.on('server_error', (_ctx, error) => parts.onFault(error));
  provider.on('grant.success', ({ oidc }) => {
    const { Grant: grant, Client: client } = oidc.entities;
    if (grant !== undefined && client !== undefined)
      parts.onTokens({ grantId: grant.jti, clientId: client.clientId });
  });
  parts.extend?.(provider);
  return { keys, provider, callback: provider.callback() };
}

function toResult(decision: Decision): Record<string, unknown> {
  if ('error' in decision) return { error: decision.error, error_description: decision.description };
  return {
    login: { accountId: decision.subject, remember: false },
    consent: { grantId: decision.grantId },
  };
}
