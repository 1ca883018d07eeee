import type { EmulatedJob, Emulator, JobState } from '../kit/index.ts';
import { findEndpoint } from './endpoints.ts';

const words: Readonly<Record<JobState, string>> = {
  queued: 'IN_QUEUE',
  running: 'IN_PROGRESS',
  succeeded: 'COMPLETED',
  failed: 'FAILED',
  cancelled: 'CANCELLED',
  expired: 'TIMED_OUT',
  unknown: 'HIBERNATING',
};

/** What a text worker writes, piece by piece. */
export const runpodTokens: readonly string[] = ['Once', ' upon', ' a', ' time.'];

export function wordOf(emulator: Emulator, { state }: EmulatedJob): string {
  return state === 'running' && emulator.quirks.has('running_word') ? 'RUNNING' : words[state];
}

/** A job as `/status` shows it. */
export function toJobView(emulator: Emulator, job: EmulatedJob): Record<string, unknown> {
  const base = { id: job.id, status: wordOf(emulator, job), delayTime: 17 };
  const isErrorInOutput = job.state === 'succeeded' && emulator.quirks.has('error_in_output');
  if (isErrorInOutput) return { ...base, executionTime: 12, output: { error: job.failure.message } };
  switch (job.state) {
    case 'succeeded':
      return { ...base, executionTime: 1_437, workerId: 'oqk7ao1uomckye', ...toOutput(emulator, job) };
    case 'failed':
      return { ...base, executionTime: 12, workerId: 'oqk7ao1uomckye', error: toError(emulator, job) };
    case 'running':
      // What the handler tells with `progress_update` stands where the output will be.
      return findEndpoint(job.model)?.worker === 'echo' ? { ...base, output: 'Update 1/3' } : base;
    default:
      return base;
  }
}

function toError(emulator: Emulator, { failure }: EmulatedJob): string {
  if (!emulator.quirks.has('error_object')) return failure.message;
  return JSON.stringify({
    error_type: "<class 'RuntimeError'>",
    error_message: failure.message,
    error_traceback: 'Traceback (most recent call last):\n  File "/handler.py", line 7, in handler',
    hostname: '4m7x2k9q-64410aab',
    worker_id: '4m7x2k9q',
    runpod_version: '1.7.13',
  });
}

export function tokenChunk(text: string): Record<string, unknown> {
  return { choices: [{ tokens: [text] }], usage: { input: 3, output: 1 } };
}

function toOutput(emulator: Emulator, job: EmulatedJob): { output?: unknown } {
  const { worker, isPublic } = findEndpoint(job.model) ?? { worker: 'echo', isPublic: false };
  const cost = isPublic ? { cost: 0.02097152 } : {};
  switch (worker) {
    case 'image':
      return { output: { image_url: emulator.makeFile(job, 'image').url, ...cost } };
    case 'video':
      return { output: { video_url: emulator.makeFile(job, 'video').url, ...cost } };
    case 'audio':
      return { output: { audio_url: emulator.makeFile(job, 'audio').url, ...cost } };
    case 'text': {
      if (emulator.quirks.has('whole_output')) return {};
      if (job.input.stream === true) return { output: runpodTokens.map(tokenChunk) };
      return { output: [{ ...tokenChunk(runpodTokens.join('')), ...cost }] };
    }
    case 'comfyui':
      return { output: toPictures(emulator, job) };
    default:
      return { output: job.input };
  }
}

/** The shape of worker-comfyui: what failed is told beside what was made. */
function toPictures(emulator: Emulator, job: EmulatedJob): unknown {
  const made = Math.max(0, job.outputs - job.failedOutputs);
  const images = Array.from({ length: made }, (_, index) => ({
    filename: `ComfyUI_0000${index + 1}_.png`,
    type: 's3_url',
    data: emulator.makeFile(job, 'image').url,
  }));
  return { images, ...(job.failedOutputs > 0 && { errors: ['one picture could not be fetched'] }) };
}
