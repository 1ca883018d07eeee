import { AppError } from '@inferry/contracts';
import { FormData } from 'undici';
import { loadFiles, type PlatformClient } from '../http/index.ts';
import { withRaw } from '../outputs/answer.ts';
import type { JobHandle, JobView, ProviderContext, SubmitRequest } from '../provider.ts';
import { contentTimeoutMs, maxFileBytes, pick } from './call.ts';
import { Video } from './wire.ts';

/** Films are jobs of the platform: submitted once, polled by any process. */
export async function submitVideo(
  client: PlatformClient,
  request: SubmitRequest,
  context: ProviderContext,
): Promise<{ handle: JobHandle; view: JobView }> {
  const { input, nativeId } = request;
  const body = { model: nativeId, ...pick(input, ['prompt', 'seconds', 'size']) };
  const [picture] = await loadFiles(request, 'input_reference', { signal: context.signal });
  const call = {
    path: '/videos',
    ...(picture === undefined ? { json: body } : { form: toForm(body, picture) }),
  };
  const { body: video } = await client.submit(Video, call, context);
  return {
    handle: { kind: 'video', id: video.id },
    view: { status: 'queued', upstreamStatus: video.status },
  };
}

export async function pollVideo(
  client: PlatformClient,
  { id }: JobHandle,
  context: ProviderContext,
): Promise<JobView> {
  const path = `/videos/${encodeURIComponent(String(id))}`;
  try {
    const { body } = await client.read(Video, { path }, context);
    return await toView(body, () => readContent(client, path, context));
  } catch (error) {
    // The platform forgets what has expired.
    if (error instanceof AppError && error.upstreamStatus === 404) {
      return { status: 'not_found', upstreamStatus: 'not found' };
    }
    throw error;
  }
}

async function toView(video: Video, read: () => Promise<Uint8Array>): Promise<JobView> {
  const { status, progress, error } = video;
  const upstreamStatus = status.slice(0, 100);
  switch (status) {
    case 'queued':
      return { status: 'queued', upstreamStatus };
    case 'completed':
      return {
        status: 'succeeded',
        upstreamStatus,
        progress: 1,
        outputs: [{ kind: 'video', contentType: 'video/mp4', bytes: await read() }],
        ...withRaw(video),
      };
    case 'failed':
      return { status: 'failed', upstreamStatus, error: toJobError(error), ...withRaw(video) };
    default:
      // `in_progress`, and whatever comes after this was written.
      return {
        status: 'running',
        upstreamStatus,
        ...(typeof progress === 'number' && { progress: Math.min(Math.max(progress / 100, 0), 1) }),
      };
  }
}

function toJobError(error: Video['error']): NonNullable<JobView['error']> {
  const isBlocked = /moderation|content_policy|safety/.test(error?.code ?? '');
  if (isBlocked)
    return { code: 'content_blocked', message: 'The platform refused the content. Change the input.' };
  return { code: 'generate_failed', message: 'The platform could not make this film.' };
}

/** The link of a film needs the key, so that nobody else can read it: the bytes are read here. */
async function readContent(
  client: PlatformClient,
  path: string,
  context: ProviderContext,
): Promise<Uint8Array> {
  const call = { path: `${path}/content`, headers: { accept: '*/*' }, maxBytes: maxFileBytes };
  const { body } = await client.content({ ...call, timeoutMs: contentTimeoutMs }, context);
  return body;
}

function toForm(
  body: Record<string, unknown>,
  picture: { bytes: Uint8Array<ArrayBuffer>; contentType: string; fileName: string },
): FormData {
  const form = new FormData();
  for (const [name, value] of Object.entries(body)) form.set(name, String(value));
  form.set('input_reference', new Blob([picture.bytes], { type: picture.contentType }), picture.fileName);
  return form;
}
