import { AppError } from '@inferry/contracts';
import type { z } from 'zod';
import { withRaw } from '../outputs/answer.ts';
import type { JobView } from '../provider.ts';
import { failed, linkOutput, linksIn, type Route, succeeded, without } from './route.ts';
import { Prediction, WaveJob } from './wire.ts';

/** Replicate: a prediction, which may be over when the submit answers. */
export const replicateRoute: Route = {
  tasks: ['text-to-image', 'image-to-image', 'text-to-video', 'text-to-speech'],

  async submit({ client, context, providerId, task, input }) {
    const { image } = input;
    const json = {
      input: { ...without(input, ['image']), ...(image !== undefined && { input_image: image }) },
    };
    const path = `/replicate/v1/models/${providerId}/predictions`;
    const { body } = await client.submit(Prediction, { path, json }, context);
    return { handle: { route: 'replicate', id: body.id, task }, view: predictionView(body, task) };
  },

  async poll({ id, task }, client, context) {
    const path = `/replicate/v1/predictions/${encodeURIComponent(String(id))}`;
    const { body } = await client.read(Prediction, { path }, context);
    return predictionView(body, task);
  },
};

function predictionView(prediction: z.infer<typeof Prediction>, task: unknown): JobView {
  const { status, output } = prediction;
  const upstreamStatus = status.slice(0, 100);
  switch (status) {
    case 'starting':
      return { status: 'queued', upstreamStatus };
    case 'succeeded':
      return {
        ...succeeded(
          linksIn(output).map((url) => linkOutput(url, task)),
          upstreamStatus,
        ),
        ...withRaw(prediction),
      };
    case 'failed':
      return { ...failed(upstreamStatus), ...withRaw(prediction) };
    case 'canceled':
    case 'aborted':
      return { status: 'cancelled', upstreamStatus };
    default:
      return { status: 'running', upstreamStatus };
  }
}

/** WaveSpeed: an envelope around everything. */
export const waveSpeedRoute: Route = {
  tasks: ['text-to-image', 'image-to-image', 'text-to-video'],

  async submit({ client, context, providerId, task, input }) {
    const call = { path: `/wavespeed/api/v3/${providerId}`, json: without(input, []) };
    const { body } = await client.submit(WaveJob, call, context);
    refuse(body);
    return { handle: { route: 'wavespeed', id: body.data.id, task }, view: waveView(body, task) };
  },

  async poll({ id, task }, client, context) {
    const path = `/wavespeed/api/v3/predictions/${encodeURIComponent(String(id))}/result`;
    const { body } = await client.read(WaveJob, { path }, context);
    return waveView(body, task);
  },
};

function refuse({ code }: z.infer<typeof WaveJob>): void {
  if (code !== 200)
    throw new AppError('upstream_failed', 'WaveSpeed refused the job.', { upstreamStatus: code });
}

function waveView({ data }: z.infer<typeof WaveJob>, task: unknown): JobView {
  const upstreamStatus = data.status.slice(0, 100);
  switch (data.status) {
    case 'created':
      return { status: 'queued', upstreamStatus };
    case 'completed':
      return {
        ...succeeded(
          linksIn(data.outputs ?? []).map((url) => linkOutput(url, task)),
          upstreamStatus,
        ),
        ...withRaw(data),
      };
    case 'failed':
    case 'timeout':
      return { ...failed(upstreamStatus), ...withRaw(data) };
    case 'cancelled':
      return { status: 'cancelled', upstreamStatus };
    default:
      return { status: 'running', upstreamStatus };
  }
}
