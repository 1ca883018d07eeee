import { AppError, type JsonObject, validationFailed } from '@inferry/contracts';
import { classifyFailure } from '../errors/index.ts';
import { loadDataUris } from '../http/index.ts';
import type { JobView } from '../provider.ts';
import { callTimeoutMs, type OpenAiCall, pick, succeeded, textOutput } from './call.ts';
import { failureRule, streamedFailure } from './failure-rule.ts';
import { ChatChunk } from './wire.ts';

const maxAnswerBytes = 8 << 20;

/** An answer as it is written: each part is reported, and the end is the whole text. */
export async function chat(call: OpenAiCall): Promise<JobView> {
  const { client, context, request } = call;
  const json = { ...(await toBody(call)), stream: true, stream_options: { include_usage: true } };
  const reply = await client.events(
    {
      method: 'POST',
      path: call.path ?? '/chat/completions',
      json,
      timeoutMs: callTimeoutMs,
      maxBytes: maxAnswerBytes,
      purpose: 'submit',
    },
    context,
  );
  const isStream = reply.headers['content-type']?.includes('event-stream') === true;
  if (!isStream) throw new AppError('upstream_malformed', 'The server does not stream its answers.');
  let text = '';
  for await (const { data } of reply.body) {
    if (data === '[DONE]') return finished(text, request.input.json === true);
    const failure = streamedFailure(data);
    if (failure !== undefined) throw toError(failure.body);
    text += partOf(data);
    if (text !== '')
      call.report({ status: 'running', upstreamStatus: 'streaming', outputs: [textOutput(text)] });
  }
  throw new AppError('unavailable', 'The answer broke off before its end.');
}

function partOf(data: string): string {
  const chunk = ChatChunk.safeParse(JSON.parse(data));
  if (!chunk.success) throw new AppError('upstream_malformed', 'A part of the answer cannot be read.');
  const [choice] = chunk.data.choices;
  if (choice?.finish_reason === 'content_filter') {
    throw new AppError('content_blocked', 'The answer was withheld by the platform. Change the input.');
  }
  return choice?.delta?.content ?? '';
}

function toError(body: unknown): AppError {
  const rule = failureRule({ status: 500, headers: {}, body });
  const code = rule?.code ?? 'generate_failed';
  const context = { title: 'The platform', purpose: 'read' as const, rule: () => ({ ...rule, code }) };
  return classifyFailure({ status: 500, headers: {}, body }, context);
}

function finished(text: string, isJson: boolean): JobView {
  return succeeded([textOutput(text, isJson ? 'application/json' : 'text/plain')]);
}

async function toBody({ request, context }: OpenAiCall): Promise<JsonObject> {
  const { input, nativeId } = request;
  const listed = Array.isArray(input.messages) ? input.messages : [];
  const system = typeof input.system === 'string' ? [{ role: 'system', content: input.system }] : [];
  const images = await loadDataUris(request, 'images', { signal: context.signal, maxBytes: 20 << 20 });
  const own =
    typeof input.prompt === 'string' ? [{ role: 'user', content: toContent(input.prompt, images) }] : [];
  const messages = [...system, ...listed, ...own];
  if (messages.length === system.length) {
    throw validationFailed(nativeId, [
      { path: 'prompt', message: 'is missing', hint: 'give prompt or messages' },
    ]);
  }
  return {
    model: nativeId,
    messages,
    ...pick(input, ['max_tokens', 'temperature', 'top_p', 'seed', 'stop']),
    ...(input.json === true && { response_format: { type: 'json_object' } }),
  };
}

function toContent(prompt: string, images: readonly string[]): unknown {
  if (images.length === 0) return prompt;
  return [
    { type: 'text', text: prompt },
    ...images.map((url) => ({ type: 'image_url', image_url: { url } })),
  ];
}
