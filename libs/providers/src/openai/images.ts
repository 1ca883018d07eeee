import { FormData } from 'undici';
import {
  type Call,
  loadFiles,
  maxCallMs,
  parseJson,
  readAnswer,
  type ServerSentEvent,
} from '../http/index.ts';
import { fileOfBytes, filesIn, fromDataUri, rawOf } from '../outputs/answer.ts';
import type { JobView, ProviderOutput } from '../provider.ts';
import { typeOfBytes } from '../schema/file-types.ts';
import { maxImagesBytes, type OpenAiCall, pick, succeeded } from './call.ts';
import { failedWith, toldError, toldInstead } from './told-error.ts';
import { ImageEvent, ImagesReply, Picture } from './wire.ts';

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
  const target = { ...(await toTarget(call, isStreamed)), timeoutMs: maxCallMs, maxBytes: maxImagesBytes };
  if (!isStreamed) {
    const { body } = await client.content({ ...target, purpose: 'submit' }, context);
    const bytes = Buffer.from(body.buffer, body.byteOffset, body.byteLength);
    const picture = typeOfBytes(bytes);
    if (picture?.kind === 'image')
      return succeeded([{ kind: 'image', contentType: picture.contentType, bytes: body }]);
    return read(parseJson(bytes) ?? bytes.toString('utf8'), call);
  }
  const headers = { accept: 'text/event-stream, application/json', 'accept-encoding': 'identity' };
  const reply = await client.stream({ ...target, headers, purpose: 'submit' }, context);
  const answer = await readAnswer(reply, 'The server');
  return 'events' in answer ? streamed(answer.events, call) : read(answer.json, call);
}

/** A whole answer. One picture without content takes no other away, and an error in its place is that error. */
function read(body: unknown, { request, context }: OpenAiCall): JobView {
  const failure = toldError(body, context);
  if (failure !== undefined) return failure;
  const { data } = ImagesReply.safeParse(body);
  const listed = data?.data ?? data?.images ?? [];
  const items: unknown[] = Array.isArray(listed) ? listed : [listed];
  const type = contentTypeOf(data?.output_format ?? request.input.output_format);
  const pictures = items.map((item) => toOutput(item, type));
  if (pictures.some((picture) => picture !== undefined)) return made(pictures, body);
  // Of another form: whatever pictures there are; or the error that stands in the place of one.
  const found = filesIn(body).filter(({ kind }) => kind === 'image');
  if (found.length > 0) return made(found, body);
  const told = [...items, body].map((item) => toldInstead(item, context)).find((view) => view !== undefined);
  return told ?? made(pictures, body);
}

function made(pictures: readonly (ProviderOutput | undefined)[], body: unknown): JobView {
  const outputs = pictures.filter((picture) => picture !== undefined);
  const raw = rawOf(body);
  const missing = pictures.length - outputs.length;
  if (outputs.length > 0) {
    return succeeded(outputs, {
      ...(raw !== undefined && { raw }),
      ...(missing > 0 && {
        isPartial: true,
        notes: [`${missing} of ${pictures.length} pictures came without content.`],
      }),
    });
  }
  const view = failedWith('upstream_failed', 'The server says that it is done and gave no picture.');
  return { ...view, ...(raw !== undefined && { raw }) };
}

async function streamed(events: AsyncIterable<ServerSentEvent>, call: OpenAiCall): Promise<JobView> {
  const { request, context } = call;
  const wanted = Number(request.input.partial_images);
  const pictures: (ProviderOutput | undefined)[] = [];
  for await (const { data } of events) {
    if (data.trim() === '[DONE]') break;
    const body = parseJson(data);
    const failure = toldError(body, context);
    if (failure !== undefined) return failure;
    const event = ImageEvent.safeParse(body).data;
    if (event === undefined) continue;
    const { type, partial_image_index: index, output_format: format } = event;
    if (type.endsWith('.partial_image')) {
      call.report({ upstreamStatus: type, progress: ((index ?? 0) + 1) / (wanted + 1) });
    } else if (type.endsWith('.completed')) {
      pictures.push(toOutput(body, contentTypeOf(format ?? request.input.output_format)));
    }
  }
  return made(pictures, undefined);
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

/** By link, as base64 with or without a `data:` prefix, or as a `data:` link. Undefined when it has no content. */
function toOutput(item: unknown, contentType: string): ProviderOutput | undefined {
  const link = typeof item === 'string' ? item : undefined;
  const { url, b64_json: base64 } = Picture.safeParse(item).data ?? { url: link, b64_json: undefined };
  return (base64 && fromBase64(base64, contentType)) || (url && fromLink(url, contentType)) || undefined;
}

function fromBase64(base64: string, contentType: string): ProviderOutput | undefined {
  const picture = fromDataUri(base64) ?? fileOfBytes(Buffer.from(base64, 'base64'), contentType);
  return picture !== undefined && isFilled(picture) ? picture : undefined;
}

function fromLink(url: string, contentType: string): ProviderOutput | undefined {
  const inline = fromDataUri(url);
  if (inline !== undefined) return isFilled(inline) ? inline : undefined;
  return /^https?:/i.test(url) && URL.canParse(url) ? { kind: 'image', contentType, url } : undefined;
}

function isFilled({ bytes }: ProviderOutput): boolean {
  return bytes !== undefined && bytes.byteLength > 0;
}

function contentTypeOf(format: unknown): string {
  return typeof format === 'string' && /^(png|jpeg|webp)$/.test(format) ? `image/${format}` : 'image/png';
}
