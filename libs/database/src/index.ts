export {
  type AssetFilter,
  addAssetTags,
  changeAssets,
  listAssetRows,
  markAssetsDeleted,
  maxTags,
  readAssetTags,
} from './assets/library.ts';
export {
  type Forgetting,
  forgetRunPayload,
  leasePayloadDeletions,
  type PayloadDeletion,
  settlePayloadDeletion,
} from './assets/payloads.ts';
export {
  createPolicyReader,
  listPolicies,
  type PolicyScope,
  policyFor,
  policyScopes,
  type StoragePolicy,
  setPolicy,
} from './assets/policies.ts';
export { endOverdueAssets, listOverdueRuns, readStoredBytes } from './assets/retention.ts';
export {
  type AuditLine,
  type AuditReport,
  addAudit,
  chainAudit,
  pruneAudit,
  readAudit,
  verifyAudit,
} from './audit/audit.ts';
export { listPauses, type PauseMode, type ProviderPause, setPause } from './audit/provider-pauses.ts';
export { readDatabaseTime } from './clock.ts';
export type { Database, Dialect, Queries, SchemaState } from './database.ts';
export { type Dump, type DumpRow, dumpDatabase, loadDatabase } from './dump.ts';
export { isUniqueViolation } from './failures.ts';
export {
  countLiveKeys,
  findApiKey,
  findKeyMaker,
  insertApiKey,
  listApiKeys,
  markApiKeysUsed,
  revokeApiKey,
} from './keys/api-keys.ts';
export { addRevocation, type Revocation, readRevocationsAfter } from './keys/revocations.ts';
export { type Migration, migrations } from './migrations.ts';
export { type DatabaseOptions, openDatabase } from './open-database.ts';
export {
  advanceBatch,
  type BatchState,
  type BatchStep,
  findBatch,
  findBatchByKey,
  insertBatch,
  listBatches,
  listBatchRuns,
  type NewBatch,
  type NewBatchRun,
  openBatchRuns,
  readBatchState,
  requestBatchCancel,
  setBatchFiles,
  takeDueBatches,
  waitingRuns,
} from './runs/batches.ts';
export { browseRunRows, type RunPlace } from './runs/browse-runs.ts';
export {
  type BudgetRules,
  type BudgetState,
  createExchangeRates,
  type ExchangeRates,
  holdable,
  leftFor,
  readBudgetStates,
  readLimitState,
  type UnpricedRuns,
  type WantedMoney,
} from './runs/budgets.ts';
export { listCatalogChanges, listFinishedRuns, listTimelines } from './runs/client-events.ts';
export {
  addConfirmation,
  answerConfirmation,
  type Confirmation,
  findAnyConfirmation,
  findConfirmation,
  listConfirmations,
  listThresholds,
  readThreshold,
  setThreshold,
  useConfirmation,
} from './runs/confirmations.ts';
export {
  type EventSubscriptionRow,
  endSubscription,
  findSubscription,
  isGrantRevoked,
  listSubscribers,
  putSubscription,
  readSubscriber,
  readSubscriberHealth,
  renewSubscription,
  type SubscriberHealth,
  sweepSubscriptions,
  takeDueSubscriptions,
  tellSubscriber,
} from './runs/event-subscriptions.ts';
export { type BookedRun, type Certainty, isLedgerGuarded, readBookedRuns } from './runs/ledger.ts';
export {
  listAnyRuns,
  listLateRuns,
  readSpentBy,
  releaseAnyRun,
  type SpentRow,
  type UsageColumn,
  usageColumns,
} from './runs/operations.ts';
export {
  hastenQueuedRuns,
  type Lane,
  type LaneCursor,
  leaseAbandonedRuns,
  leaseFollowedRuns,
  listLanes,
  type Release,
  releaseRuns,
  renewLeases,
  requestCancel,
} from './runs/run-leases.ts';
export {
  boundsOf,
  type LimitUse,
  leaseWithinLimits,
  listRunLimits,
  pruneRunLimits,
  type Reached,
  type RunLimit,
  type RunLimitScope,
  readLimitUses,
  readQueuePlace,
  rulesOf,
  runLimitScopes,
  type SendRate,
  setRunLimit,
} from './runs/run-limits.ts';
export {
  countOpenRuns,
  countRunRows,
  findRun,
  findRunByKey,
  findRunsByUpstreamId,
  hasOpenRuns,
  insertRun,
  listRunRows,
  type NewRun,
  type RunFilter,
  type RunState,
  readRunEvents,
  readRunStates,
  readStanding,
} from './runs/run-rows.ts';
export {
  endLeasedRun,
  endQueuedRun,
  type RunEnd,
  type RunLease,
  type RunWrite,
  writeLeasedRun,
} from './runs/run-writes.ts';
export {
  type BudgetPeriod,
  type BudgetScope,
  budgetScopes,
  everySubject,
  type Limit,
  type LimitKey,
  listLimits,
  type Payer,
  setBudget,
  setLimit,
} from './runs/spending-limits.ts';
export {
  type Adoption,
  adoptJob,
  changeUnanswered,
  hasJobOfOther,
  reclaimRun,
  type TakenJob,
} from './runs/submit-facts.ts';
export { findAnyRun, hastenToldRun, leaseToldRun } from './runs/told-runs.ts';
export {
  readUsageRows,
  readUsageTotals,
  type UsageBucket,
  type UsageRequest,
  type UsageRow,
  type UsageTotal,
} from './runs/usage.ts';
export {
  type DeliveryState,
  deliveryStateOf,
  deliveryStates,
  leaseDueDeliveries,
  listDeliveries,
  replayDelivery,
  returnDelivery,
  settleDelivery,
  type WebhookDeliveryRow,
} from './runs/webhook-deliveries.ts';
export { isTimeZone, parseWindow } from './runs/windows.ts';
export type { ApiKeyRow, AssetRow, BatchRow, ModelRow, RunRow, Schema } from './schema.ts';
export { skipLocked } from './skip-locked.ts';
