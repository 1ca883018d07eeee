import type { AnyOperation } from '../operation.ts';
import { deleteAssets, listAssets, updateAssets } from './assets.ts';
import { cancelBatch, getBatch, runBatch } from './batches.ts';
import { callInfra } from './call-infra.ts';
import { cancelRun } from './cancel-run.ts';
import { continueRun } from './continue-run.ts';
import { createUpload } from './create-upload.ts';
import { createWrapper } from './create-wrapper.ts';
import { deleteWrapper } from './delete-wrapper.ts';
import { estimateCost } from './estimate-cost.ts';
import { getAccount } from './get-account.ts';
import { getModel } from './get-model.ts';
import { getRun } from './get-run.ts';
import { getTask } from './get-task.ts';
import {
  actOnInfra,
  createInfra,
  deleteInfra,
  describeInfra,
  getInfra,
  listInfra,
  readInfraLogs,
  updateInfra,
} from './infra.ts';
import { listRuns } from './list-runs.ts';
import { patchWrapper } from './patch-wrapper.ts';
import {
  listCapabilities,
  readModelRecord,
  readPlatformAccount,
  searchCommunity,
  storeMedia,
  uploadWeights,
} from './platform.ts';
import { previewWrapper } from './preview-wrapper.ts';
import { runModel } from './run-model.ts';
import { searchModels } from './search-models.ts';
import { uploadFile } from './upload-file.ts';
import { viewOutput } from './view-output.ts';
import { wrapperGuide } from './wrapper-guide.ts';

/** Every operation that a tool can lead to. */
export const operations: readonly AnyOperation[] = [
  searchModels,
  getModel,
  estimateCost,
  runModel,
  getRun,
  listRuns,
  cancelRun,
  continueRun,
  createUpload,
  uploadFile,
  viewOutput,
  getAccount,
  listAssets,
  updateAssets,
  deleteAssets,
  wrapperGuide,
  previewWrapper,
  createWrapper,
  patchWrapper,
  deleteWrapper,
  listCapabilities,
  readModelRecord,
  searchCommunity,
  uploadWeights,
  storeMedia,
  readPlatformAccount,
  getTask,
  callInfra,
  describeInfra,
  listInfra,
  getInfra,
  createInfra,
  updateInfra,
  actOnInfra,
  deleteInfra,
  readInfraLogs,
  runBatch,
  getBatch,
  cancelBatch,
];

export {
  actOnInfra,
  callInfra,
  cancelBatch,
  cancelRun,
  continueRun,
  createInfra,
  createUpload,
  createWrapper,
  deleteAssets,
  deleteInfra,
  deleteWrapper,
  describeInfra,
  estimateCost,
  getAccount,
  getBatch,
  getInfra,
  getModel,
  getRun,
  getTask,
  listAssets,
  listCapabilities,
  listInfra,
  listRuns,
  patchWrapper,
  previewWrapper,
  readInfraLogs,
  readModelRecord,
  readPlatformAccount,
  runBatch,
  runModel,
  searchCommunity,
  searchModels,
  storeMedia,
  updateAssets,
  updateInfra,
  uploadFile,
  uploadWeights,
  viewOutput,
  wrapperGuide,
};
