export type { AuthEngine, OAuthEvent } from './auth-engine.ts';
export { parseStaticClients, type StaticClient } from './clients/static-client.ts';
export { type OAuthConfig, parseOAuthConfig, toSettings } from './config.ts';
export { type AuthEngineOptions, createAuthEngine } from './create-auth-engine.ts';
export type { AdmitPerson } from './enterprise/enterprise-grant.ts';
export type { EnterpriseIssuer } from './enterprise/enterprise-issuer.ts';
export { createGrants, type Grant, type Grants, newGrantId } from './grants/grants.ts';
export { pageHeaders, sendPage } from './http/send-page.ts';
export type {
  Approval,
  AskingClient,
  Interactions,
  OAuthPages,
  OAuthViews,
  SignIn,
} from './interactions/interactions.ts';
export { handleReadJwks } from './rpc/read-jwks.ts';
export { defaultSettings, type OAuthSettings } from './settings.ts';
export type { KeySealer } from './signing/key-sealer.ts';
