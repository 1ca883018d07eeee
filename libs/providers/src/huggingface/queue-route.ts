import { AppError } from '@inferry/contracts';
import { z } from 'zod';
import { withRaw } from '../outputs/answer.ts';
import type { JobView } from '../provider.ts';
import { linkOutput, linksIn, type Route, type RoutedRun, succeeded, without } from './route.ts';
import { Queued, QueueStatus } from './wire.ts';

const query = { _subdomain: 'queue' };

/** fal: the router takes the paths of its queue. Only the path of what it answers is used; the host stays the router's. */
export const queueRoute: Route = {
  tasks: ['text-to-image', 'image-to-image', 'text-to-video', 'text-to-speech'],

  async submit(run) {
    const { client, context, providerId, task } = run;
    const path = `/fal-ai/${providerId}`;
    const { body } = await client.submit(Queued, { path, query, json: toInput(run) }, context);
    if (!URL.canParse(body.response_url)) {
      throw new AppError('upstream_malformed', 'The job was taken, and its address cannot be read.');
    }
    const handle = { route: 'fal-ai', id: body.request_id, path: new URL(body.response_url).pathname, task };
    return { handle, view: { status: 'queued', upstreamStatus: body.status ?? 'IN_QUEUE' } };
  },

  async poll({ path: at, task }, client, context) {
    const path = `/fal-ai${String(at)}`;
    const { body } = await client.read(
      QueueStatus,
      { path: `${path}/status`, query, accept: [202] },
      context,
    );
    const upstreamStatus = body.status.slice(0, 100);
    if (body.status === 'IN_QUEUE') {
      const position = body.queue_position;
      return {
        status: 'queued',
        upstreamStatus,
        ...(typeof position === 'number' && { queuePosition: position }),
      };
    }
    if (body.status !== 'COMPLETED') return { status: 'running', upstreamStatus };
    try {
      // Completed is not success: the result says so.
      const reply = await client.read(z.record(z.string(), z.unknown()), { path, query }, context);
      const outputs = linksIn(reply.body).map((url) => linkOutput(url, task));
      return { ...succeeded(outputs, upstreamStatus), ...withRaw(reply.body) };
    } catch (error) {
      return toFailed(error, upstreamStatus);
    }
  },
};

function toFailed(error: unknown, upstreamStatus: string): JobView {
  const status = error instanceof AppError ? error.upstreamStatus : undefined;
  if (!(error instanceof AppError) || status === undefined || status < 400 || status >= 500) throw error;
  if ([401, 402, 403, 408, 429].includes(status)) throw error;
  if (status === 404) return { status: 'not_found', upstreamStatus: 'not found' };
  const code =
    error.code === 'content_blocked' || error.code === 'validation_failed' ? error.code : 'generate_failed';
  return { status: 'failed', upstreamStatus, error: { code, message: error.message } };
}

function toInput({ input, task }: RoutedRun): Record<string, unknown> {
  const rest = without(input, ['width', 'height', 'image']);
  const { width, height, image } = input;
  const hasSize = task === 'text-to-image' && typeof width === 'number' && typeof height === 'number';
  return {
    ...rest,
    ...(hasSize && { image_size: { width, height } }),
    ...(typeof image === 'string' && { image_url: image }),
  };
}
