import { AppError, isObject, type JsonObject, validationFailed } from '@inferry/contracts';
import { loadDataUris, maxCallMs, parseJson, readAnswer, type ServerSentEvent } from '../http/index.ts';
import { rawOf } from '../outputs/answer.ts';
import type { JobView, ProviderOutput } from '../provider.ts';
import { type OpenAiCall, pick, succeeded, textOutput } from './call.ts';
import { choiceIn, filesOf, wordsOf } from './chat-forms.ts';
import { sendWithout } from './refused-fields.ts';
import { failedWith, toldError, toldInstead } from './told-error.ts';
import { ChatAnswer } from './wire.ts';

const maxAnswerBytes = 32 << 20;

/** What an answer has said so far. */
interface Said {
  text: string;
  /** The server sent what the model thought, or says that there was some. */
  hasThought: boolean;
  finishReason: string | undefined;
  isRefusal: boolean;
  /** There was an answer, even one without a word. */
  isAnswer: boolean;
  files: ProviderOutput[];
  /** Everything but the words: the model, the usage. */
  facts: JsonObject;
}

/** An answer as it is written: each part is reported, and the end is the whole text, in whatever form the server gave it. */
export async function chat(call: OpenAiCall): Promise<JobView> {
  const { client, context } = call;
  const whole = { ...(await toBody(call)), stream: true, stream_options: { include_usage: true } };
  const reply = await sendWithout(whole, (json) =>
    client.stream(
      {
        method: 'POST',
        path: call.path ?? '/chat/completions',
        json,
        headers: { accept: 'text/event-stream, application/json', 'accept-encoding': 'identity' },
        timeoutMs: maxCallMs,
        maxBytes: maxAnswerBytes,
        purpose: 'submit',
      },
      context,
    ),
  );
  const answer = await readAnswer(reply, 'The server');
  return 'events' in answer ? streamed(answer.events, call) : entire(answer.json, call);
}

async function streamed(events: AsyncIterable<ServerSentEvent>, call: OpenAiCall): Promise<JobView> {
  const said = nothingSaid();
  let isWhole = false;
  for await (const { data } of events) {
    if (data.trim() === '[DONE]') {
      isWhole = true;
      break;
    }
    const part = data.trim() === '' ? undefined : parseJson(data);
    // Signs of life of a proxy are no JSON.
    if (part === undefined) continue;
    const failure = toldError(part, call.context);
    if (failure !== undefined) return failure;
    if (addTo(said, part)) {
      call.report({ status: 'running', upstreamStatus: 'streaming', outputs: [textOutput(said.text)] });
    }
  }
  return finished(said, call, isWhole || said.finishReason !== undefined);
}

function entire(body: unknown, call: OpenAiCall): JobView {
  const failure = toldError(body, call.context);
  if (failure !== undefined) return failure;
  const said = nothingSaid();
  if (!isObject(body))
    throw new AppError('upstream_malformed', 'The server answered something that cannot be read.');
  addTo(said, body);
  if (said.isAnswer) return finished(said, call, true);
  said.facts = body;
  return toldInstead(body, call.context) ?? finished(said, call, true);
}

function nothingSaid(): Said {
  return {
    ...{ text: '', files: [], facts: {}, finishReason: undefined },
    ...{ hasThought: false, isRefusal: false, isAnswer: false },
  };
}

/** Adds what a part or a whole answer says; true when it says something of the text. */
function addTo(said: Said, part: unknown): boolean {
  const { data } = ChatAnswer.safeParse(part);
  if (data === undefined) return false;
  const { choices, model, usage } = data;
  if (model) said.facts.model = model;
  if (usage) said.facts.usage = usage;
  const choice = choiceIn(isObject(part) ? part : {}, choices ?? []);
  if (choice === undefined) return false;
  said.isAnswer = true;
  const { finish_reason: reason } = choice;
  const message = choice.delta ?? choice.message ?? {};
  const { refusal, reasoning_content: thought, reasoning, audio, tool_calls: calls } = message;
  const spoken = audio?.transcript ?? '';
  const text = wordsOf(message.content) || wordsOf(choice.text) || (refusal ?? '') || spoken;
  said.finishReason = reason ?? said.finishReason;
  said.isRefusal ||= typeof refusal === 'string' && refusal !== '';
  said.hasThought ||=
    [thought, reasoning].some((it) => it !== undefined && it !== null && it !== '') ||
    thinks(message.content);
  said.files.push(...filesOf(message));
  if (Array.isArray(calls) && calls.length > 0) said.facts.tool_calls ??= calls;
  said.text += text;
  return text !== '';
}

function thinks(content: unknown): boolean {
  return (
    Array.isArray(content) && content.some((part) => isObject(part) && /think|reason/.test(String(part.type)))
  );
}

function finished(said: Said, { request }: OpenAiCall, isWhole: boolean): JobView {
  const { text, files, finishReason, facts } = said;
  const raw = rawOf({ ...facts, ...(finishReason !== undefined && { finish_reason: finishReason }) });
  const failure = text === '' && files.length === 0 ? failureOf(said, isWhole) : undefined;
  if (failure !== undefined) return { ...failure, ...(raw !== undefined && { raw }) };
  const notes = notesOf(said, isWhole);
  const isCut = finishReason === 'length' || finishReason === 'content_filter' || !isWhole;
  const output = textOutput(text, request.input.json === true ? 'application/json' : 'text/plain');
  // Files say it themselves.
  const outputs = text === '' && files.length > 0 ? files : [output, ...files];
  return succeeded(outputs, {
    ...(notes.length > 0 && { notes }),
    ...(isCut && { isPartial: true }),
    ...(raw !== undefined && { raw }),
  });
}

/** Why an answer without a word is none; undefined where that is what the model had to say. */
function failureOf({ finishReason, isAnswer, hasThought }: Said, isWhole: boolean): JobView | undefined {
  if (finishReason === 'content_filter')
    return failedWith('content_blocked', 'The answer was withheld by the platform. Change the input.');
  if (finishReason === 'length') return nothingWritten(hasThought);
  if (!isWhole) throw new AppError('unavailable', 'The answer broke off before its end.');
  return isAnswer
    ? undefined
    : failedWith('upstream_failed', 'The server says that it is done and gave no answer.');
}

/** What whoever reads the text has to know of it. */
function notesOf(
  { text, files, finishReason, isRefusal, hasThought, facts }: Said,
  isWhole: boolean,
): string[] {
  const notes = [
    finishReason === 'length' && cutNote,
    finishReason === 'content_filter' &&
      'The rest of the answer was withheld by the platform (content_filter).',
    isRefusal && 'The model refused to answer; the text says why.',
    !isWhole && 'The stream ended without saying that the answer is complete: it may be cut off.',
    facts.tool_calls !== undefined &&
      'The model asked for a tool, which nobody answers here; include=["raw"] has its call.',
    text === '' &&
      files.length === 0 &&
      facts.tool_calls === undefined &&
      `The model ended without a text${hasThought ? ', after thinking' : ''}.`,
  ];
  return notes.filter((note) => note !== false);
}

const cutNote =
  'The text is cut off: it reached its limit of tokens (finish_reason: length). Ask for more with max_tokens.';

function nothingWritten(hasThought: boolean): JobView {
  const why = hasThought
    ? 'All tokens of the answer went into thinking, and no text was written'
    : 'The limit of tokens was reached before any text was written';
  return failedWith('generate_failed', `${why} (finish_reason: length). Raise max_tokens, or leave it out.`);
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
