export { ConfigError, readAll } from './config-error.ts';
export {
  argumentOf,
  type ContentBlock,
  callOf,
  clip,
  hasWords,
  hint,
  inWords,
  isShort,
  laterWords,
  maxShortBytes,
  modelId,
  mostThatIsShort,
  type Problem,
  plainWords,
  problemLine,
  type Said,
  type ToolResult,
  text,
  toErrorResult,
  valueInWords,
  type Words,
  writeCall,
} from './content.ts';
export { codingsOf, unpacked } from './content-coding.ts';
export { type DataUri, fromBase64, isDataUri, readDataUri } from './data-uri.ts';
export { durationBuckets } from './durations.ts';
export type { ErrorRow } from './endpoint-error-codes.ts';
export { type ErrorCode, errorCodes } from './error-codes.ts';
export {
  AppError,
  type AppErrorOptions,
  ErrorEnvelope,
  isErrorCode,
  toAppError,
} from './errors.ts';
export {
  callCancelled,
  catalogChanged,
  clientAnswered,
  connectionChanged,
  events,
  grantRevoked,
  jwksChanged,
  passthroughSeen,
  resourceUpdated,
  runCancelRequested,
  runFinished,
  runProgressed,
  runQueued,
  surfaceChanged,
  wrapperChanged,
} from './events/index.ts';
export {
  InputRequest,
  InputRequests,
  InputRequired,
  inputMethods,
  NeededInput,
} from './input-required.ts';
export {
  type ExactInteger,
  exactDigits,
  isExactInteger,
  JsonTooLarge,
  type ReadJsonOptions,
  readJson,
  withDigitsAsText,
  writeJson,
} from './json/read-json.ts';
export {
  type AnyOperation,
  allToolsets,
  type Continuation,
  defaultToolsets,
  defineEvent,
  defineOperation,
  defineRpc,
  type EventContract,
  type Operation,
  type OperationCall,
  type RpcContract,
  type TaskMapping,
  type Toolset,
  toolsets,
} from './operation.ts';
export { Asset, assetKinds } from './operations/assets.ts';
export { Batch, type BatchItem, batchStatuses, maxBatchRuns } from './operations/batches.ts';
export { type CancelOutcome, cancelOutcomes } from './operations/cancel-run.ts';
export { accountSections, usageBuckets } from './operations/get-account.ts';
export { modelSections } from './operations/get-model.ts';
export { runParts } from './operations/get-run.ts';
export * from './operations/index.ts';
export { tooLargeAttachment } from './operations/upload-file.ts';
export { ViewedOutput } from './operations/view-output.ts';
export {
  coerce,
  isObject,
  isUnset,
  parseArguments,
  parseMade,
  problemsOf,
  unstorable,
  validationFailed,
} from './parse-arguments.ts';
export { type JsonObject, toPortableSchema, unportableKeywords } from './portable-schema.ts';
export {
  hasScope,
  isScope,
  localPrincipal,
  Principal,
  publicPrincipal,
  type Scope,
  scopes,
  shortWait,
  type WaitBudget,
} from './principal.ts';
export { type Proxies, proxiesOf } from './proxies.ts';
export { isPrivateHost, isPublicAddress } from './public-address.ts';
export { Recent } from './recent.ts';
export { readJwks, readRevocations, verifyKey } from './rpc/auth.ts';
export {
  type EqualChoice,
  equalChoices,
  listProviders,
  type PreparedModel,
  PreparedRun,
  ProviderState,
  prepareRun,
  prepareRuns,
} from './rpc/catalog.ts';
export {
  type ClientEvent,
  type ClientEventName,
  clientEvents,
  eventSecretPurpose,
  listedClientEvent,
  readClientEvents,
  readEventKey,
  subscribeClientEvents,
  unsubscribeClientEvents,
} from './rpc/client-events.ts';
export {
  BrowsedRun,
  browseRuns,
  operate,
  operatorScope,
  otherModels,
  readOperation,
  readSpend,
  type SpendRow,
} from './rpc/console.ts';
export {
  Connection,
  listConnections,
  openCredential,
  readAccess,
  readVaultKey,
  releaseCredential,
  reportCredential,
  SealedText,
  verifyPassthrough,
} from './rpc/credentials.ts';
export { rpcs } from './rpc/index.ts';
export {
  Budget,
  forgetPayload,
  readBudgets,
  readDeliveries,
  readOutputs,
  readUsage,
  replayWebhook,
  type UsageTotals,
  WebhookDelivery,
} from './rpc/inference.ts';
export {
  makeSheet,
  maxSheetCells,
  openAsset,
  readStorage,
  readWaveform,
  resolveAssets,
  StoredAsset,
} from './rpc/upload.ts';
export { Secret } from './secret.ts';
export { Page, ValidationProblem } from './shapes/basics.ts';
export {
  coverQuotes,
  ModelInput,
  ModelSummary,
  modelKinds,
  Quote,
  type QuoteKind,
  quoteKindOf,
  quoteKinds,
} from './shapes/model.ts';
export { isTerminal, Run, RunCost, RunOutput, RunStatus, runStatuses } from './shapes/run.ts';
export { Wrapper } from './shapes/wrapper.ts';
export {
  type Completion,
  maxCompletions,
  maxSkillBytes,
  maxSkillFiles,
  OfferedPrompt,
  OfferedResource,
  OfferedSkill,
  OfferedTemplate,
  PromptMessage,
  ResourceContents,
  type Surface,
  SurfaceDescription,
  surfaceOf,
} from './surface/index.ts';
export type { TaskState } from './task.ts';
export {
  type AnyTool,
  defineOwnTool,
  defineProfile,
  defineTool,
  madeOnce,
  type Profile,
  type ProfileAccess,
  type ProfileIcon,
  type PromptFacts,
  runViewUri,
  type Told,
  type Tool,
  type ToolAnnotations,
  type ToolUi,
  withFields,
} from './tool.ts';
export { unlessAborted } from './unless-aborted.ts';
export { isPage } from './web-page.ts';
