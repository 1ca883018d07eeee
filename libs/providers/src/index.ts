export { adapters } from './adapters.ts';
export {
  type Env as ProvidersEnv,
  emulatedBase,
  type KnownPlatform,
  type ProviderInstance,
  type ProvidersConfig,
  parseProvidersConfig,
  readProvidersConfig,
  variablesOf,
} from './config.ts';
export { createContainerPlane } from './containers/plane.ts';
export { type ContractCase, contractCases } from './contract-cases.ts';
export {
  type ControlPlane,
  type Resource,
  type ResourceType,
  type ResourceVerb,
  resourceTypes,
} from './control-plane.ts';
export type { AdapterDefinition, AdapterFacts, AdapterOptions } from './definition.ts';
export { HeldCalls } from './http/held-calls.ts';
export { startDeadline } from './http/send-once.ts';
export {
  type OpenedPlatforms,
  type OpenProvidersOptions,
  openControlPlanes,
  openInstance,
  openPlatforms,
  openProviders,
} from './open-providers.ts';
export {
  type Capability,
  type CommunityModel,
  type CommunityQuery,
  type RecordPart,
  type RecordQuery,
  recordParts,
  type StoredMedia,
} from './platform-services.ts';
export { PriceExpressionError, readPriceExpression } from './prices/price-expression.ts';
export { quoteByTable } from './prices/price-table.ts';
export { quotePrice } from './prices/price-text.ts';
export type {
  Balance,
  CancelResult,
  InboundWebhook,
  InputFile,
  JobErrorCode,
  JobHandle,
  JobStatus,
  JobView,
  ModelPrice,
  Probe,
  Provider,
  ProviderCapabilities,
  ProviderContext,
  ProviderModel,
  ProviderOutput,
  RecoverRequest,
  Recovery,
  SubmitGuard,
  SubmitRequest,
  WebhookVerdict,
} from './provider.ts';
