/** Runflow's own MCP server: two tools, a prompt for each Solution, and its skill as instructions. */
import { defineProfile, type OfferedPrompt, type PromptFacts } from '@inferry/contracts';
import { writeInstructions } from './instructions.ts';
import { shortModel } from './run-view.ts';
import { generateTool } from './tools/generate.ts';
import { listModelsTool } from './tools/list-models.ts';

export const runflow = defineProfile({
  key: 'runflow',
  serverInfo: { name: 'Runflow', title: 'Runflow' },
  instructions: () => writeInstructions('Runflow'),
  tools: [generateTool, listModelsTool],
  words: { model: shortModel },
  providers: ['runflow'],
  promptName,
  hasResource: ({ uri }) =>
    /^(?:inferry:\/\/models\/(?:runflow\/|\{)|skill:\/\/(?:[^/]+\/)*runflow\/|inferry:\/\/runs)/.test(uri),
  access: {
    realm: 'runflow-mcp',
    keyPrefixes: { rf_live_: 'runflow' },
    refusedPrefixes: {
      rf_svc_: 'Service keys (rf_svc_) run nothing: use a key that begins with rf_live_.',
    },
    isAlwaysExplained: true,
    isKeyFirst: true,
    keyPage: 'https://app.runflow.io',
  },
});

const solution = 'runflow/runflow/';

/** `/runflow:object-removal-prompt` for `runflow/object-removal/prompt`: the whole slug, so that no two are one (RF-40). */
function promptName(_prompt: OfferedPrompt, { model }: PromptFacts): string | undefined {
  if (model?.startsWith(solution) !== true) return undefined;
  return model
    .slice(solution.length)
    .toLowerCase()
    .replace(/[^a-z0-9_]+/g, '-')
    .slice(0, 64);
}
