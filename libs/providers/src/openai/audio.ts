import { FormData } from 'undici';
import { loadFiles, maxCallMs, parseJson } from '../http/index.ts';
import { filesIn, rawOf } from '../outputs/answer.ts';
import type { JobView } from '../provider.ts';
import { typeOfBytes } from '../schema/file-types.ts';
import { maxFileBytes, type OpenAiCall, pick, succeeded, textOutput } from './call.ts';
import { failedWith, toldError, toldInstead } from './told-error.ts';
import { Transcript } from './wire.ts';

const typesOfFormats: Readonly<Record<string, string>> = {
  mp3: 'audio/mpeg',
  opus: 'audio/ogg',
  aac: 'audio/aac',
  flac: 'audio/flac',
  wav: 'audio/wav',
  pcm: 'audio/pcm',
};
const maxTranscriptBytes = 16 << 20;

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
    { ...call, purpose: 'submit', timeoutMs: maxCallMs, maxBytes: maxFileBytes },
    context,
  );
  const said = headers['content-type']?.split(';')[0]?.trim().toLowerCase();
  const instead = inPlaceOfSound(bytesOf(body), said);
  if (instead !== undefined) {
    const sounds = filesIn(instead).filter(({ kind }) => kind === 'audio');
    if (sounds.length > 0) return succeeded(sounds);
    const failure = toldInstead(instead, context);
    return failure ?? failedWith('upstream_failed', 'The server answered without a sound.');
  }
  if (body.byteLength === 0) return failedWith('upstream_failed', 'The server answered with an empty sound.');
  const asked = typesOfFormats[String(input.response_format ?? 'mp3')];
  const found = typeOfBytes(bytesOf(body));
  const known = found?.kind === 'audio' ? found.contentType : undefined;
  const contentType = said?.startsWith('audio/') ? said : (known ?? asked ?? 'audio/mpeg');
  return succeeded([{ kind: 'audio', contentType, bytes: body }]);
}

function bytesOf({ buffer, byteOffset, byteLength }: Uint8Array<ArrayBuffer>): Buffer {
  return Buffer.from(buffer, byteOffset, byteLength);
}

/** JSON, such as an error in a reply of 200, that came where a sound was asked for; undefined for a sound. */
function inPlaceOfSound(bytes: Buffer, contentType: string | undefined): unknown {
  const isText = /json|text/.test(contentType ?? '') || bytes[0] === 0x7b;
  const json = isText ? parseJson(bytes) : undefined;
  return typeof json === 'object' && json !== null ? json : undefined;
}

/** What is said in a recording. A recording in which nobody speaks has an empty text. */
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
  const { body } = await client.content(
    {
      method: 'POST',
      path: '/audio/transcriptions',
      form,
      headers: { accept: 'application/json, text/plain' },
      purpose: 'submit',
      timeoutMs: maxCallMs,
      maxBytes: maxTranscriptBytes,
    },
    context,
  );
  const text = bytesOf(body).toString('utf8');
  // A transcript that reads `42` is a text, and a number to whoever parses it.
  const json = /^\s*\{/.test(text) ? parseJson(text) : undefined;
  const failure = json === undefined ? undefined : toldError(json, context);
  if (failure !== undefined) return failure;
  const words = Transcript.safeParse(json).data?.text;
  if (words === undefined) return toldInstead(json, context) ?? succeeded([textOutput(text)]);
  const raw = rawOf(json);
  return succeeded([textOutput(words)], raw === undefined ? {} : { raw });
}
