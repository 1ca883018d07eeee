import { defineTool, getRun, runViewUri, text } from '@inferry/contracts';
import { readOnly } from '../../annotations.ts';
import { presentRun } from '../../present-run.ts';

export const getRunTool = defineTool({
  name: 'get_run',
  title: 'Get run',
  description:
    'Status and results of a run; with wait_seconds it waits for the end first. Large text or streamed output is paged: pass offset. Accepts run_id or client_ref.',
  annotations: readOnly,
  operation: getRun,
  input: getRun.input.omit({ tell_wait: true }),
  output: getRun.reply.omit({ wait: true }),
  ui: { resourceUri: runViewUri },
  present({ run, diagnosis, next_offset: nextOffset, error, ...parts }) {
    const lines: string[] = [];
    if (error !== undefined) lines.push(`Why: [${error.code}] ${error.message}`);
    if (diagnosis !== undefined) lines.push(`Diagnosis: ${diagnosis}`);
    for (const [part, value] of Object.entries(parts)) {
      if (value !== undefined) lines.push(`${part}: ${JSON.stringify(value)}`);
    }
    if (nextOffset !== undefined) lines.push(`More: offset=${nextOffset}.`);
    const blocks = run === undefined ? [] : presentRun(run);
    return lines.length === 0 ? blocks : [...blocks, text(lines.join('\n'))];
  },
});
