export { type OpenProvidersOptions, openProviders } from './open-providers.ts';
export type {
  Balance,
  CancelResult,
  InboundWebhook,
  InputFile,
  JobHandle,
  JobStatus,
  JobView,
  Probe,
  Provider,
  ProviderCapabilities,
  ProviderContext,
  ProviderModel,
  ProviderOutput,
  Recovery,
  SubmitRequest,
  WebhookVerdict,
} from './provider.ts';
