export { type OpenProvidersOptions, openProviders } from './open-providers.ts';
export type {
  CancelResult,
  InputFile,
  JobHandle,
  JobStatus,
  JobView,
  Provider,
  ProviderCapabilities,
  ProviderContext,
  ProviderModel,
  ProviderOutput,
  Recovery,
  SubmitRequest,
} from './provider.ts';
