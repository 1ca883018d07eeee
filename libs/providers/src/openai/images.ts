import { AppError } from '@inferry/contracts';
import { FormData } from 'undici';
import { type Call, loadFiles } from '../http/index.ts';
import type { JobView, ProviderOutput } from '../provider.ts';
import { callTimeoutMs, maxImagesBytes, type OpenAiCall, pick, succeeded } from './call.ts';
import { ImageEvent, ImagesReply } from './wire.ts';

const fields = [
  'prompt',
  'n',
  'size',
  'quality',
  'background',
  'output_format',
  'output_compression',
  'moderation',
  'style',
  'response_format',
  'partial_images',
];

/** Pictures from a prompt, or edits when the input has pictures. */
export async function images(call: OpenAiCall): Promise<JobView> {
  const { client, context, request } = call;
  const isStreamed = Number(request.input.partial_images ?? 0) > 0;
  const target = {
    ...(await toTarget(call, isStreamed)),
    timeoutMs: callTimeoutMs,
    maxBytes: maxImagesBytes,
  };
  if (isStreamed) return streamed(call, target);
  const { body } = await client.submit(ImagesReply, target, context);
  const type = contentTypeOf(body.output_format ?? request.input.output_format);
  return succeeded(body.data.map((item) => toOutput(item, type)));
}

async function streamed(call: OpenAiCall, target: Call): Promise<JobView> {
  const { client, context, request } = call;
  const wanted = Number(request.input.partial_images);
  const { body } = await client.events({ ...target, purpose: 'submit' }, context);
  const outputs: ProviderOutput[] = [];
  for await (const { data } of body) {
    if (data === '[DONE]') break;
    const event = ImageEvent.safeParse(JSON.parse(data));
    if (!event.success) throw new AppError('upstream_malformed', 'An event of the stream cannot be read.');
    const { type, b64_json, partial_image_index: index = 0, output_format: format } = event.data;
    if (type.endsWith('.partial_image')) {
      call.report({ upstreamStatus: type, progress: (index + 1) / (wanted + 1) });
    } else if (type.endsWith('.completed') && b64_json !== undefined) {
      outputs.push(toOutput({ b64_json }, contentTypeOf(format ?? request.input.output_format)));
    }
  }
  if (outputs.length === 0) throw new AppError('unavailable', 'The stream ended without a picture.');
  return succeeded(outputs);
}

async function toTarget({ request, context }: OpenAiCall, isStreamed: boolean): Promise<Call> {
  const { input, nativeId } = request;
  const body = { model: nativeId, ...pick(input, fields), ...(isStreamed && { stream: true }) };
  const limits = { signal: context.signal, maxBytes: 50 << 20 };
  const pictures = await loadFiles(request, 'image', limits);
  if (pictures.length === 0) return { method: 'POST', path: '/images/generations', json: body };
  const form = new FormData();
  for (const [name, value] of Object.entries(body)) form.set(name, String(value));
  const name = pictures.length === 1 ? 'image' : 'image[]';
  for (const { bytes, contentType, fileName } of pictures) {
    form.append(name, new Blob([bytes], { type: contentType }), fileName);
  }
  for (const { bytes, contentType } of await loadFiles(request, 'mask', limits)) {
    form.set('mask', new Blob([bytes], { type: contentType }), 'mask.png');
  }
  return { method: 'POST', path: '/images/edits', form };
}

function toOutput(
  { url, b64_json: base64 }: { url?: string | null | undefined; b64_json?: string | null | undefined },
  contentType: string,
): ProviderOutput {
  if (typeof base64 === 'string') {
    return { kind: 'image', contentType, bytes: Uint8Array.from(Buffer.from(base64, 'base64')) };
  }
  if (typeof url === 'string' && URL.canParse(url)) return { kind: 'image', contentType, url };
  throw new AppError('upstream_malformed', 'A picture has neither content nor a link.');
}

function contentTypeOf(format: unknown): string {
  return typeof format === 'string' && /^(png|jpeg|webp)$/.test(format) ? `image/${format}` : 'image/png';
}
