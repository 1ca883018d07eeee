export { type AuthConfig, parseAuthConfig } from './config.ts';
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
export { type AuthOptions, type AuthParts, createAuthService } from './service.ts';
