import type { EmulatedJob, Emulator } from '../kit/index.ts';
import { sampleFile } from '../kit/index.ts';

/** A job as `/history` has it; nothing until it has ended. */
export function toHistory(emulator: Emulator, job: EmulatedJob): Record<string, unknown> {
  const { id, input, extra } = job;
  if (job.state === 'queued' || job.state === 'running') return {};
  const outputs = outputsOf(emulator, job);
  const status = emulator.quirks.has('no_status') ? {} : { status: statusOf(job) };
  return {
    [id]: { prompt: [extra.number, id, input, extra.extraData, extra.outputs], outputs, ...status, meta: {} },
  };
}

/** What the output node made. It is there as soon as anybody hears of it. */
export function outputsOf(emulator: Emulator, job: EmulatedJob): Record<string, unknown> {
  if (job.state !== 'succeeded' || emulator.quirks.has('empty_outputs')) return {};
  const [node = '9'] = Array.isArray(job.extra.outputs) ? job.extra.outputs : [];
  const count = Math.max(0, job.outputs - job.failedOutputs);
  const images = Array.from({ length: count }, (_, at) => {
    const filename = `ComfyUI_${String(Number(job.extra.number) * 10 + at).padStart(5, '0')}_.png`;
    const { bytes, contentType } = sampleFile('image', job.scenario.outputBytes);
    emulator.files.set(`output//${filename}`, { bytes, contentType });
    return { filename, subfolder: '', type: 'output' };
  });
  return { [String(node)]: { images } };
}

function statusOf({ id, state, failure }: EmulatedJob): unknown {
  const start = ['execution_start', { prompt_id: id, timestamp: 1 }];
  const error = {
    prompt_id: id,
    node_id: '3',
    node_type: 'KSampler',
    executed: [],
    exception_message: failure.message,
    exception_type: 'RuntimeError',
    traceback: ['  File "/comfy/execution.py", line 1, in execute\n'],
    current_inputs: {},
    current_outputs: [],
    timestamp: 2,
  };
  switch (state) {
    case 'succeeded':
      return {
        status_str: 'success',
        completed: true,
        messages: [start, ['execution_success', { prompt_id: id, timestamp: 2 }]],
      };
    case 'failed':
      return { status_str: 'error', completed: false, messages: [start, ['execution_error', error]] };
    case 'cancelled':
      return {
        status_str: 'error',
        completed: false,
        messages: [
          start,
          [
            'execution_interrupted',
            { prompt_id: id, node_id: '3', node_type: 'KSampler', executed: [], timestamp: 2 },
          ],
        ],
      };
    default:
      return { status_str: 'hibernating', completed: false, messages: [start] };
  }
}
