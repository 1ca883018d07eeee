import { FormData } from 'undici';
import { loadFiles } from '../http/index.ts';
import type { JobView } from '../provider.ts';
import { callTimeoutMs, maxFileBytes, type OpenAiCall, pick, succeeded, textOutput } from './call.ts';
import { Transcript } from './wire.ts';

const typesOfFormats: Readonly<Record<string, string>> = {
  mp3: 'audio/mpeg',
  opus: 'audio/ogg',
  aac: 'audio/aac',
  flac: 'audio/flac',
  wav: 'audio/wav',
  pcm: 'audio/pcm',
};

/** A text read aloud. */
export async function speech({ client, context, request }: OpenAiCall): Promise<JobView> {
  const { input, nativeId } = request;
  const json = {
    model: nativeId,
    voice: 'alloy',
    ...pick(input, ['input', 'voice', 'instructions', 'response_format', 'speed']),
  };
  const call = { method: 'POST', path: '/audio/speech', json, headers: { accept: '*/*' } } as const;
  const { body, headers } = await client.content(
    { ...call, purpose: 'submit', timeoutMs: callTimeoutMs, maxBytes: maxFileBytes },
    context,
  );
  const asked = typesOfFormats[String(input.response_format ?? 'mp3')];
  const said = headers['content-type']?.split(';')[0];
  const contentType = said?.startsWith('audio/') ? said : (asked ?? 'audio/mpeg');
  return succeeded([{ kind: 'audio', contentType, bytes: body }]);
}

/** What is said in a recording. */
export async function transcription({ client, context, request }: OpenAiCall): Promise<JobView> {
  const { input, nativeId } = request;
  const form = new FormData();
  const [recording] = await loadFiles(request, 'file', { signal: context.signal, maxBytes: 100 << 20 });
  if (recording !== undefined) {
    form.set('file', new Blob([recording.bytes], { type: recording.contentType }), recording.fileName);
  }
  form.set('model', nativeId);
  const fields = pick(input, ['language', 'prompt', 'response_format', 'temperature']);
  for (const [name, value] of Object.entries(fields)) form.set(name, String(value));
  const { body } = await client.submit(
    Transcript,
    { path: '/audio/transcriptions', form, timeoutMs: callTimeoutMs },
    context,
  );
  return succeeded([textOutput(typeof body === 'string' ? body : body.text)]);
}
