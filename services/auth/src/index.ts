export { type AuthorizationOptions, parseAuthorization } from './authorization-options.ts';
export { type AuthConfig, parseAuthConfig } from './config.ts';
export { type ConnectionsCommandOptions, runConnectionsCommand } from './connections-command.ts';
export { authDefinition } from './definition.ts';
export { type AccountsCommandOptions, runAccountsCommand } from './identity/accounts-command.ts';
export {
  type ApiKey,
  type CreatedKey,
  createKey,
  listKeys,
  type NewKeyRequest,
  type RevokeOptions,
  revokeKey,
} from './keys/keys.ts';
export { type KeysCommandOptions, runKeysCommand } from './keys-command.ts';
export { type OAuthCommandOptions, runOAuthCommand } from './oauth-command.ts';
export { type AuthOptions, type AuthParts, createAuthService } from './service.ts';
export { createLocalKeks, type KekProvider, parseKeyRing, readOrCreateKeyRing } from './vault/key-ring.ts';
export { runVaultCommand, type VaultCommandOptions } from './vault-command.ts';
