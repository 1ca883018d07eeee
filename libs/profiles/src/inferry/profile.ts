/** The canonical profile: the tools of this system under its own names. Its functions are identities. */
import { defineProfile } from '@inferry/contracts';
import { writeInstructions } from './instructions.ts';
import { assetTools } from './tools/assets.ts';
import { cancelBatchTool, getBatchTool, runBatchTool } from './tools/batches.ts';
import { cancelRunTool } from './tools/cancel-run.ts';
import { createUploadTool } from './tools/create-upload.ts';
import { createWrapperTool } from './tools/create-wrapper.ts';
import { deleteWrapperTool } from './tools/delete-wrapper.ts';
import { estimateCostTool } from './tools/estimate-cost.ts';
import { getAccountTool } from './tools/get-account.ts';
import { getModelTool } from './tools/get-model.ts';
import { getRunTool } from './tools/get-run.ts';
import { infraTools } from './tools/infra.ts';
import { listRunsTool } from './tools/list-runs.ts';
import { patchWrapperTool } from './tools/patch-wrapper.ts';
import { previewWrapperTool } from './tools/preview-wrapper.ts';
import { runModelTool } from './tools/run-model.ts';
import { searchModelsTool } from './tools/search-models.ts';
import { uploadFileTool } from './tools/upload-file.ts';
import { viewOutputTool } from './tools/view-output.ts';
import { wrapperGuideTool } from './tools/wrapper-guide.ts';

export const inferry = defineProfile({
  key: 'inferry',
  serverInfo: {},
  instructions: writeInstructions,
  // A schema in one portable form is what every client can read.
  hasResource: ({ uri }) => !uri.endsWith('/native-schema'),
  // In the order in which clients list them.
  tools: [
    searchModelsTool,
    getModelTool,
    estimateCostTool,
    runModelTool,
    getRunTool,
    listRunsTool,
    cancelRunTool,
    createUploadTool,
    uploadFileTool,
    viewOutputTool,
    getAccountTool,
    wrapperGuideTool,
    previewWrapperTool,
    createWrapperTool,
    patchWrapperTool,
    deleteWrapperTool,
    ...assetTools,
    ...infraTools,
    runBatchTool,
    getBatchTool,
    cancelBatchTool,
  ],
  exceptions: {
    'view_output: output': 'where a result has a structure, many clients show the model no picture',
  },
});
