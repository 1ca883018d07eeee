import type { OpenAiCall } from '../openai/call.ts';
import { chat } from '../openai/chat.ts';
import type { JobView, SubmitRequest } from '../provider.ts';
import type { Served } from './catalog.ts';

/** The router's own chat is OpenAI's; the serving platform is part of the model's name there. */
export function routedChat(
  call: Omit<OpenAiCall, 'request'> & { request: SubmitRequest },
  { provider }: Served,
): Promise<JobView> {
  const nativeId = `${call.request.nativeId}:${provider}`;
  return chat({ ...call, request: { ...call.request, nativeId }, path: '/v1/chat/completions' });
}
