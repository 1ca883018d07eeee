import type { AnyOperation } from '../operation.ts';
import { cancelRun } from './cancel-run.ts';
import { continueRun } from './continue-run.ts';
import { createUpload } from './create-upload.ts';
import { estimateCost } from './estimate-cost.ts';
import { getAccount } from './get-account.ts';
import { getModel } from './get-model.ts';
import { getRun } from './get-run.ts';
import { listRuns } from './list-runs.ts';
import { runModel } from './run-model.ts';
import { searchModels } from './search-models.ts';
import { uploadFile } from './upload-file.ts';
import { viewOutput } from './view-output.ts';

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
];

export {
  cancelRun,
  continueRun,
  createUpload,
  estimateCost,
  getAccount,
  getModel,
  getRun,
  listRuns,
  runModel,
  searchModels,
  uploadFile,
  viewOutput,
};
