export { nextOf, type Page, TestBrowser } from './browser.ts';
export {
  type Answer,
  authorizeUrl,
  claimsOf,
  codeForm,
  form,
  pkce,
  post,
  redirectUri,
  refreshForm,
  register,
  signIn,
  type Tokens,
  tokensOf,
} from './client.ts';
export { type OAuthTestOptions, type OAuthUnderTest, openOAuth } from './open-oauth.ts';
export { ScriptedApplication } from './sdk-client.ts';
