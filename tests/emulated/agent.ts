import { isObject } from '@inferry/contracts';
import { type Answer, type ClientHabits, callAs, type ToolCall } from './client.ts';

export interface Story {
  /** The text of the run's output. */
  output: string | undefined;
  runIds: string[];
  calls: number;
  /** Calls whose answer the client did not wait for. */
  cutOffs: number;
  /** The longest time from a call to its answer. */
  longestMs: number;
  /** Every call's progress only grew. */
  isOrdered: boolean;
}

/** What an agent does until it has the output: it follows `next_action`, and repeats a call that its client gave up. */
export async function runToTheEnd(
  habits: ClientHabits,
  urls: readonly string[],
  first: ToolCall,
): Promise<Story> {
  const story: Story = {
    output: undefined,
    runIds: [],
    calls: 0,
    cutOffs: 0,
    longestMs: 0,
    isOrdered: true,
  };
  let next: ToolCall | undefined = first;
  while (next !== undefined && story.calls < 200) {
    const startedAt = Date.now();
    const url = urls[story.calls % urls.length] ?? '';
    story.calls += 1;
    const answer: Answer | undefined = await callAs(habits, url, next);
    story.longestMs = Math.max(story.longestMs, Date.now() - startedAt);
    if (answer === undefined) {
      story.cutOffs += 1;
      continue;
    }
    story.isOrdered &&= answer.progress.every((step, at, all) => at === 0 || step > (all[at - 1] ?? 0));
    next = read(answer, story);
  }
  return story;
}

/** Takes note of what an answer tells of the run; what to call next, if anything. */
function read({ result }: Answer, story: Story): ToolCall | undefined {
  const structured = isObject(result.structuredContent) ? result.structuredContent : {};
  const run = isObject(structured.run) ? structured.run : {};
  const { run_id: runId, next_action: nextAction } = run;
  if (typeof runId === 'string' && !story.runIds.includes(runId)) story.runIds.push(runId);
  if (result.isError === true) throw new Error(JSON.stringify(structured.error));
  if (typeof nextAction === 'string') return parseAction(nextAction);
  const outputs = Array.isArray(run.outputs) ? run.outputs : [];
  story.output = outputs.map((output: unknown) => (isObject(output) ? output.text : undefined)).join();
  return undefined;
}

/** `get_run(run_id="run_1", wait_seconds=25)` */
function parseAction(text: string): ToolCall {
  const [, tool = '', list = ''] = /^(\w+)\((.*)\)$/.exec(text) ?? [];
  const args = list.split(', ').map((pair) => {
    const [name = '', value = ''] = pair.split('=');
    return [name, JSON.parse(value)];
  });
  return { tool, args: Object.fromEntries(args) };
}
