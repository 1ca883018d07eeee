import { z } from 'zod';
import type { EmulatedJob, EmulatedRoute, Emulator, JobState } from '../kit/index.ts';
import { sampleFile } from '../kit/index.ts';

const VideoBody = z.strictObject({
  model: z.string().optional(),
  prompt: z.string().min(1),
  seconds: z.enum(['4', '8', '12']).optional(),
  size: z.string().optional(),
});

const words: Readonly<Record<JobState, string>> = {
  queued: 'queued',
  running: 'in_progress',
  succeeded: 'completed',
  failed: 'failed',
  // There is no such word in the specification; what an adapter makes of it is its own matter.
  cancelled: 'failed',
  expired: 'expired',
  unknown: 'transcoding',
};

export function videoRoutes(emulator: Emulator): EmulatedRoute[] {
  return [
    {
      method: 'POST',
      path: '/videos',
      kind: 'submit',
      // The official client sends multipart, others JSON.
      body: z.union([z.instanceof(FormData), VideoBody]),
      handle({ body }) {
        const input = body instanceof FormData ? readForm(emulator, body) : VideoBody.parse(body);
        const model = input.model ?? 'sora-2';
        return toVideo(emulator, emulator.createJob({ id: emulator.id('video_'), model, input }));
      },
    },
    {
      method: 'GET',
      path: '/videos/:id',
      kind: 'status',
      handle: ({ params }) => toVideo(emulator, emulator.stepJob(params.id ?? '')),
    },
    {
      method: 'GET',
      path: '/videos/:id/content',
      kind: 'result',
      query: ['variant'],
      handle({ params, reply }) {
        const job = emulator.peekJob(params.id ?? '');
        if (job.state !== 'succeeded') throw emulator.refusal('unknown_job', job.id);
        const { bytes, contentType } = sampleFile('video', job.scenario.outputBytes);
        reply.hijack();
        reply.raw.writeHead(200, { 'content-type': contentType });
        reply.raw.end(bytes);
        return undefined;
      },
    },
    {
      method: 'DELETE',
      path: '/videos/:id',
      kind: 'other',
      handle({ params }) {
        const { id } = emulator.peekJob(params.id ?? '');
        emulator.jobs.delete(id);
        return { id, object: 'video.deleted', deleted: true };
      },
    },
  ];
}

function readForm(emulator: Emulator, form: FormData): z.infer<typeof VideoBody> {
  const reference = form.get('input_reference');
  if (reference !== null && !(reference instanceof File))
    throw emulator.refusal('validation', 'input_reference');
  const fields = [...form.entries()].filter(([name]) => name !== 'input_reference');
  const parsed = VideoBody.safeParse(Object.fromEntries(fields));
  if (parsed.success) return parsed.data;
  throw emulator.refusal('validation', parsed.error.issues[0]?.message ?? '');
}

function toVideo(emulator: Emulator, job: EmulatedJob): unknown {
  const code = job.failure.kind === 'content' ? 'moderation_blocked' : 'video_generation_failed';
  const now = Math.floor(emulator.now() / 1_000);
  return {
    id: job.id,
    object: 'video',
    model: job.model,
    status: words[job.state],
    progress: job.state === 'succeeded' ? 100 : job.state === 'queued' ? 0 : 40,
    created_at: Math.floor(job.createdAt / 1_000),
    completed_at: job.state === 'succeeded' ? now : null,
    expires_at: job.state === 'succeeded' ? now + 86_400 : null,
    prompt: String(job.input.prompt ?? ''),
    remixed_from_video_id: null,
    seconds: job.input.seconds ?? '4',
    size: job.input.size ?? '720x1280',
    error: job.state === 'failed' ? { code, message: job.failure.message } : null,
  };
}
