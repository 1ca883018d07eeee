import type { AnyTool } from '../contract.ts';
import { cancelRun } from './cancel-run.ts';
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

/** Every tool, in the order in which clients list them. */
export const tools: readonly AnyTool[] = [
  searchModels,
  getModel,
  estimateCost,
  runModel,
  getRun,
  listRuns,
  cancelRun,
  createUpload,
  uploadFile,
  viewOutput,
  getAccount,
];

/** Called by the gateway alone: no client sees them. */
export { continueRun } from './continue-run.ts';

export {
  cancelRun,
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
