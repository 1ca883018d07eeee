import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import type { ProgressView } from './progress-view.ts';

/** A step that failed, in words for a person. */
export class DemoError extends Error {
  override readonly name = 'DemoError';
}

interface ToolAnswer {
  structured: Record<string, unknown>;
}

export interface FinishedRun {
  outputs: { url?: string; text?: string }[];
  seconds: string;
  cost: string;
}

export interface DemoClient {
  /** Calls a tool; a result with `isError` becomes a `DemoError` with its text. */
  call(tool: string, args: Record<string, unknown>): Promise<ToolAnswer>;
  /** Runs a model to its end, showing progress; follows with `get_run` as often as it takes. */
  run(model: string, input: Record<string, unknown>, view: ProgressView): Promise<FinishedRun>;
  close(): Promise<void>;
}

const callTimeoutMs = 630_000;
const runTimeoutMs = 600_000;

/** The official SDK's client over Streamable HTTP, with a key where the server asks for one. */
export async function connectDemoClient(url: string, key: string | undefined): Promise<DemoClient> {
  const client = new Client({ name: 'inferry-demo', version: '1.0.0' });
  const headers = key === undefined ? {} : { Authorization: `Bearer ${key}` };
  await client.connect(new StreamableHTTPClientTransport(new URL(url), { requestInit: { headers } }));

  async function call(tool: string, args: Record<string, unknown>, view?: ProgressView): Promise<ToolAnswer> {
    const result = await client.callTool(
      { name: tool, arguments: args },
      {
        timeout: callTimeoutMs,
        resetTimeoutOnProgress: true,
        ...(view && { onprogress: ({ progress, message }) => view.update(progress, message) }),
      },
    );
    if (result.isError === true) throw new DemoError(`${tool}: ${textOf(result.content)}`);
    // as: our tools answer with an object.
    return { structured: (result.structuredContent ?? {}) as Record<string, unknown> };
  }

  return {
    call: (tool, args) => call(tool, args),
    async run(model, input, view) {
      const deadline = Date.now() + runTimeoutMs;
      let { structured } = await call('run_model', { model, input }, view);
      // as: the shape of the `run` object in docs/tools.md.
      let run = structured.run as RunView;
      while ((run.status === 'queued' || run.status === 'running') && Date.now() < deadline) {
        ({ structured } = await call('get_run', { run_id: run.run_id, wait_seconds: 45 }, view));
        run = structured.run as RunView;
      }
      view.end();
      if (run.status !== 'succeeded')
        throw new DemoError(`${model} ended as ${run.status} (run ${run.run_id})`);
      const seconds = ((Date.parse(run.finished_at) - Date.parse(run.created_at)) / 1_000).toFixed(1);
      const charged = run.cost?.charged ?? 0;
      return {
        outputs: run.outputs ?? [],
        seconds,
        cost: charged === 0 ? 'free' : `${charged} ${run.cost?.currency}`,
      };
    },
    close: () => client.close(),
  };
}

interface RunView {
  run_id: string;
  status: string;
  created_at: string;
  finished_at: string;
  outputs?: FinishedRun['outputs'];
  cost?: { charged?: number; currency?: string };
}

function textOf(content: unknown): string {
  if (!Array.isArray(content)) return 'no reason given';
  return content
    .filter((block): block is { text: string } => typeof block?.text === 'string')
    .map((block) => block.text)
    .join('\n');
}
