/** ModelRunner's MCP server: its 18 tools and the five added since, over its platform and the wrappers on its models. */
import { defineProfile } from '@inferry/contracts';
import {
  createWrapperTool,
  deleteWrapperTool,
  patchWrapperTool,
  previewWrapperTool,
  wrapperAuthoringGuideTool,
} from './tools/authoring.ts';
import {
  getModelRawSchemaTool,
  getModelTool,
  listModelsTool,
  recommendedModelsTool,
  searchTool,
} from './tools/discovery.ts';
import { createUploadUrlTool, uploadFileTool } from './tools/files.ts';
import { getRequestTool, listMyRequestsTool, runModelTool, waitForRequestTool } from './tools/inference.ts';
import {
  getWrapperFieldMappingsTool,
  getWrapperPromptTemplateTool,
  getWrapperRawSchemaTool,
  getWrapperTool,
  listMyWrappersTool,
  listWrappersTool,
  recommendedWrappersTool,
} from './tools/wrappers.ts';
import { platform, words } from './words.ts';

export const modelrunner = defineProfile({
  key: 'modelrunner',
  serverInfo: { name: 'modelrunner', title: 'ModelRunner' },
  instructions: (title) =>
    [
      `${title} runs models and wrappers (products on top of models) for images, videos and sounds, by endpoint: owner/name.`,
      '1. recommended_models(category) for a quick pick; list_models or search for more. Never invent an endpoint.',
      '2. get_model(endpoint) for its inputs and price.',
      '3. run_model(endpoint, input) returns a requestId at once and spends credits.',
      '4. wait_for_request(requestId) returns the output URLs, or says that the request goes on: then call it again. Do not run the same thing twice.',
      'A file input is a URL: create_upload_url for local files (PUT with your shell), upload_file for a remote url or base64. Local paths are not read.',
      'COMPLETED alone is not success: billingStatus charged or partial is.',
      'A lost requestId: list_my_requests.',
      'To build a wrapper read wrapper_authoring_guide first.',
    ].join('\n'),
  tools: [
    listModelsTool,
    recommendedModelsTool,
    getModelTool,
    getModelRawSchemaTool,
    listWrappersTool,
    recommendedWrappersTool,
    getWrapperTool,
    searchTool,
    runModelTool,
    getRequestTool,
    waitForRequestTool,
    createUploadUrlTool,
    uploadFileTool,
    listMyRequestsTool,
    listMyWrappersTool,
    wrapperAuthoringGuideTool,
    getWrapperRawSchemaTool,
    getWrapperPromptTemplateTool,
    getWrapperFieldMappingsTool,
    previewWrapperTool,
    createWrapperTool,
    patchWrapperTool,
    deleteWrapperTool,
  ],
  words,
  codes: { run_not_found: 'request_not_found' },
  providers: [platform],
  // Models of its platform, runs, and the skills that are about its tools.
  hasResource: ({ uri }) =>
    /^(?:inferry:\/\/models\/(?:modelrunner\/|\{)|inferry:\/\/runs|skill:\/\/(?:[^/]+\/)*(?:modelrunner|build-wrappers)\/)/.test(
      uri,
    ),
  access: { scope: 'mcp' },
});
