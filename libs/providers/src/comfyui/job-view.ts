import { isObject } from '@inferry/contracts';
import { cleanText } from '../errors/index.ts';
import type { JobView, ProviderOutput } from '../provider.ts';
import { type FileType, typeOfName } from '../schema/file-types.ts';
import { mediumOf } from '../schema/index.ts';
import { type HistoryEntry, Message, type Queue, StoredFile } from './wire.ts';

const maxFiles = 64;
/** Under what nodes show words: captions, tags, answers of language models. */
const textNames =
  /^(texts?|strings?|tags?|captions?|results?|values?|prompts?|responses?|answers?|show_?text)$/i;

/** A file that the server keeps, before it is read. */
export interface MadeFile extends FileType {
  file: StoredFile;
}

/** How an entry of the history ended; undefined while it says nothing of an end. */
export function endOf({
  status,
  outputs,
}: HistoryEntry): Pick<JobView, 'status' | 'upstreamStatus' | 'error'> | undefined {
  const { status_str: word, messages } = status ?? {};
  const upstreamStatus = (word ?? 'done').slice(0, 100);
  const told = (messages ?? []).flatMap((message) => {
    const read = Message.safeParse(message).data;
    return read === undefined ? [] : [{ name: read[0], data: read[1] }];
  });
  if (word === 'error') {
    if (told.some(({ name }) => name === 'execution_interrupted')) {
      return { status: 'cancelled', upstreamStatus: 'execution_interrupted' };
    }
    const fault = told.find(({ name }) => name === 'execution_error')?.data;
    return { status: 'failed', upstreamStatus, error: { code: 'generate_failed', message: wordsOf(fault) } };
  }
  // An older server has no status: what is in the history has ended there.
  if (word === 'success' || (status === null || status === undefined ? outputs !== undefined : false)) {
    return { status: 'succeeded', upstreamStatus };
  }
  return undefined;
}

function wordsOf(fault: unknown): string {
  if (!isObject(fault)) return 'The workflow failed and did not say why.';
  const message = cleanText(String(fault.exception_message ?? ''));
  const node = typeof fault.node_type === 'string' ? `${cleanText(fault.node_type).slice(0, 80)}: ` : '';
  return message === '' ? `${node}failed and did not say why.` : `${node}${message}`;
}

/** What output nodes made. Previews in the temporary folder count only where nothing was saved. */
export function madeBy({ outputs }: HistoryEntry): { files: MadeFile[]; texts: ProviderOutput[] } {
  const lists = Object.values(outputs ?? {}).flatMap((node) => (isObject(node) ? Object.entries(node) : []));
  const items = lists.flatMap(([name, list]) =>
    (Array.isArray(list) ? list.slice(0, maxFiles) : [list]).map((item): [string, unknown] => [name, item]),
  );
  const files = items.flatMap(([name, item]) => toFile(name, item));
  const saved = files.filter(({ file }) => (file.type ?? 'output') === 'output');
  return {
    files: (saved.length > 0 ? saved : files).slice(0, maxFiles),
    texts: items.flatMap(([name, item]) => toText(name, item)),
  };
}

function toFile(name: string, item: unknown): MadeFile[] {
  const parsed = StoredFile.safeParse(item);
  return parsed.success ? [{ file: parsed.data, ...typeOf(parsed.data.filename, name) }] : [];
}

function toText(name: string, item: unknown): ProviderOutput[] {
  const isText = textNames.test(name) && (typeof item === 'string' || typeof item === 'number');
  return isText && item !== '' ? [{ kind: 'text', contentType: 'text/plain', text: String(item) }] : [];
}

function typeOf(fileName: string, listName: string): FileType {
  const known = typeOfName(fileName);
  if (known !== undefined) return known;
  const medium = mediumOf(listName === 'gifs' ? 'video' : listName) ?? 'file';
  return { kind: medium, contentType: 'application/octet-stream' };
}

/** Where a job is while it is not in the history; undefined when it is nowhere. */
export function placeIn(
  { queue_running: running, queue_pending: pending }: Queue,
  id: string,
): JobView | undefined {
  if (running.some(([, other]) => other === id)) return { status: 'running', upstreamStatus: 'running' };
  const place = [...pending]
    .sort(([left], [right]) => Number(left) - Number(right))
    .findIndex(([, other]) => other === id);
  if (place < 0) return undefined;
  return { status: 'queued', upstreamStatus: 'pending', queuePosition: place + running.length };
}
