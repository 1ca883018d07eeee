import { setTimeout as sleep } from 'node:timers/promises';
import {
  type AnyTool,
  getAccount,
  getRun,
  type JsonObject,
  plainWords,
  type Run,
  type ToolResult,
} from '@inferry/contracts';
import { canonicalTool, listedByDefault } from '@inferry/profiles';

/** What every server under test answers, so that all are asked and checked alike. */

/** The text of the quick call's answer. */
export const quickText = 'bench-answer-0123456789';
export const quickReply = { identity: { subject: quickText, client: 'bench', scopes: ['mcp'] } };
export const steps = 10;

/** What is listed for one of our tools, here and by our gateway. */
export function toListed({ name, title, description, inputSchema, outputSchema, annotations }: AnyTool) {
  return { name, title, description, inputSchema, outputSchema, annotations: { title, ...annotations } };
}

export const listed = listedByDefault.map(toListed);
export const listText = JSON.stringify({ tools: listed });

/** As long as ours: what a server tells a model about itself is most of these two answers. */
export const instructions = 'What this server is for, and how its tools work together. '.repeat(30);

const serverInfo = { name: 'bench', version: '1.0.0' };

/** The fixed bodies of the limits, by method. */
export const fixedResults: Readonly<Record<string, string>> = {
  initialize: JSON.stringify({
    protocolVersion: '2025-06-18',
    capabilities: { tools: { listChanged: true } },
    serverInfo,
    instructions,
  }),
  'server/discover': JSON.stringify({
    supportedVersions: ['2026-07-28'],
    capabilities: { tools: {} },
    serverInfo,
    instructions,
  }),
  'tools/list': listText,
};

function resultOf(tool: AnyTool, reply: JsonObject): ToolResult {
  return { content: tool.present(reply, { args: undefined, words: plainWords }), structuredContent: reply };
}

export const quickResult: ToolResult = resultOf(canonicalTool(getAccount), quickReply);
export const quickResultText = JSON.stringify(quickResult);

const doneReply = { logs: [`sent ${steps}`] };
export const doneResult: ToolResult = resultOf(canonicalTool(getRun), doneReply);
export const doneResultText = JSON.stringify(doneResult);

/** A run that is over, as whoever looks at one has it. */
export const doneRun = {
  run_id: 'run_done',
  status: 'succeeded',
  model: 'modelrunner/bytedance/sdxl-lightning-4step',
  created_at: '2026-11-30T12:00:00.000Z',
  finished_at: '2026-11-30T12:00:04.200Z',
  outputs: [{ index: 0, kind: 'image', url: 'https://files.example/run_done/0.png', mime_type: 'image/png' }],
  cost: { currency: 'USD', charged: 0.0021 },
  upstream: { provider: 'modelrunner', request_id: 'req_done', status: 'COMPLETED' },
} as const satisfies Run;
/** The same, after ten steps. */
export const stepsRun = 'run_steps';

/** `get_run` without `wait_seconds` sends ten steps at once; with it, one every `waitStepMs` until the time is over. */
export const waitStepMs = 5_000;

/** The steps of a `get_run`, told to `step`; resolves with its reply. */
export async function runSteps(
  waitSeconds: number | undefined,
  step: (done: number, total: number) => unknown,
): Promise<typeof doneReply> {
  if (waitSeconds === undefined) {
    for (let done = 1; done <= steps; done += 1) await step(done, steps);
    return doneReply;
  }
  const total = Math.floor((waitSeconds * 1_000) / waitStepMs);
  const startedAt = performance.now();
  for (let done = 1; done <= total; done += 1) {
    await sleep(Math.max(1, startedAt + done * waitStepMs - performance.now()));
    await step(done, total);
  }
  return doneReply;
}

/** The result of a call by the SDKs' servers; `notify` is undefined when the client asked for no progress. */
export async function answerCall(
  name: string,
  args: { wait_seconds?: number | undefined },
  notify: ((progress: number, total: number) => unknown) | undefined,
): Promise<ToolResult> {
  if (name !== getRun.name) return quickResult;
  await runSteps(args.wait_seconds, (done, total) => notify?.(done, total));
  return doneResult;
}
