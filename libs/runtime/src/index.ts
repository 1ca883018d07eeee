export { readAll, Secret } from '@inferry/contracts';
export {
  type AddressRanges,
  addressKey,
  clientAddress,
  parseAddressRanges,
  siteKey,
} from './client-address.ts';
export {
  type BlobsConfig,
  ConfigError,
  type Env,
  envInt,
  envList,
  isLoopback,
  parseEnv,
  parseRest,
  parseRuntimeConfig,
  type RuntimeConfig,
  RuntimeEnv,
  readEnv,
} from './config.ts';
export { type Cursors, createCursors } from './cursors.ts';
export {
  createHttpApp,
  type HttpService,
  isHttpService,
  ownBodyClock,
  Pace,
  type PaceOptions,
  readinessOf,
  slowestPace,
} from './http-app.ts';
export { createLogger, type LoggerOptions } from './logger.ts';
export {
  issuerOfHost,
  type Place,
  type ProfileHost,
  parseProfileHosts,
  pathOfUrl,
  profileHostOf,
  profileOfAudience,
  profileOfPath,
  profileOfRequest,
  resourceAt,
  resourceName,
} from './mounts.ts';
export { newReplicaName } from './open-parts.ts';
export { sayCommands, speaking } from './program-words.ts';
export { type ConfigureContext, portOf, runService, type ServiceDefinition } from './run-service.ts';
export {
  deriveSecrets,
  isSecretName,
  readSecrets,
  type SecretPurpose,
  type ServiceName,
  type ServiceSecrets,
  secretVariables,
  serviceNames,
  withSecretFiles,
} from './secrets.ts';
export type { Parts, Readiness, Service } from './service.ts';
export { SharedClock } from './shared-clock.ts';
export { type ShutdownOptions, stopOnSignals } from './shutdown.ts';
export { withDeadline } from './with-deadline.ts';
