/** Runware's MCP server: the eight tools of its document and the four added since, over its platform alone. */
import { defineProfile } from '@inferry/contracts';
import { accountTool, mediaStorageTool, modelUploadTool } from './tools/account.ts';
import {
  listCapabilitiesTool,
  listModelsTool,
  modelDetailsTool,
  modelExamplesTool,
  modelPricingTool,
  modelSchemaTool,
  modelSearchTool,
} from './tools/discovery.ts';
import { getTaskDetailsTool, runTool } from './tools/run.ts';
import { codes, platform, words } from './words.ts';

export const runware = defineProfile({
  key: 'runware',
  // Its version is a constant of the product and not of a release.
  serverInfo: { name: 'runware', title: 'Runware', version: '1.0.0' },
  instructions: (title) =>
    [
      `${title} runs image, video, audio, text and 3D tasks by model identifier (AIR, such as xai:grok-imagine@image-quality) or slug.`,
      '1. list_models(capability, category, creator, search), highest weight first. Never invent an identifier. model_search only for community models.',
      '2. model_pricing(air) before spending; model_examples(air) to copy a request that works; model_schema(model) for exact parameters.',
      '3. run(model, …parameters) spends credits: parameters stand flat beside model and are checked first. max_cost refuses what may cost more.',
      '4. A task that is still running: get_task_details(taskUUID). Never run it again.',
      'The result tells time and cost. Show images as Markdown images of their URL. Only run costs anything.',
    ].join('\n'),
  tools: [
    runTool,
    listModelsTool,
    modelDetailsTool,
    modelExamplesTool,
    modelPricingTool,
    listCapabilitiesTool,
    modelSchemaTool,
    getTaskDetailsTool,
    modelSearchTool,
    mediaStorageTool,
    modelUploadTool,
    accountTool,
  ],
  codes,
  words,
  providers: [platform],
  promptName: () => undefined,
  hasResource: ({ uri }) => uri.endsWith('/native-schema'),
  access: { isKeyFirst: true, keyPage: 'https://my.runware.ai/keys' },
  exceptions: {
    '*: output': 'the product’s results are text, files and images, and no structure',
    'run: additionalProperties': 'every parameter of every task stands beside the model, as in the product',
  },
});
