/** What is done with each mount by whichever client: something free, a run to its end, a call that is refused; and what holds for all. */
import { isObject, type JsonObject } from '@inferry/contracts';
import { profileOf, profiles } from '@inferry/profiles';
import { AjvJsonSchemaValidator } from '@modelcontextprotocol/sdk/validation/ajv';
import { expect } from 'vitest';
import type { Answer, Met } from './mount-clients.ts';

/** How a mount is used: something that costs nothing, a run to its end, and a call that is refused. */
export interface Use {
  server: string;
  free: { name: string; args: JsonObject; says: string };
  /** Gives the text of the end; `id` is another one for each caller. */
  run(call: Call, id: string): Promise<Answer>;
  tellsProgress: boolean;
  wrong: { name: string; args: JsonObject; says: string };
}

export type Call = (name: string, args: JsonObject) => Promise<Answer>;

export const pictures = 'runware:100@1';

/** By `again` until a call no longer says that the run goes on: a machine may be as slow as it likes. */
async function untilEnd(first: Answer, again: () => Promise<Answer>, goesOn: RegExp): Promise<Answer> {
  let answer = first;
  while (goesOn.test(textOf(answer))) answer = await again();
  return answer;
}

async function runJob(call: Call): Promise<Answer> {
  const job = JSON.parse(
    textOf(await call('run-endpoint', { endpointId: 'ep1', input: { prompt: 'a fox' } })),
  );
  const look = () => call('get-job-status', { endpointId: 'ep1', jobId: job.id });
  return untilEnd(await look(), look, /"IN_(?:QUEUE|PROGRESS)"/);
}

const runpod: Omit<Use, 'wrong'> = {
  server: 'Runpod API Server',
  free: { name: 'list-endpoints', args: {}, says: 'image-generator' },
  run: runJob,
  // Each call is one request of the platform; nothing is waited for in between.
  tellsProgress: false,
};

export const uses: Readonly<Record<string, Use>> = {
  inferry: {
    server: 'inferry',
    free: { name: 'search_models', args: { query: 'flux' }, says: pictures },
    async run(call, id) {
      const args = { model: `runware/${pictures}`, input: { positivePrompt: 'a fox' }, client_ref: id };
      const once = () => call('run_model', { ...args, wait_seconds: 20 });
      return untilEnd(await once(), once, /get_run\(/);
    },
    tellsProgress: true,
    wrong: { name: 'get_run', args: { run_id: 'nothing' }, says: 'list_runs' },
  },
  runflow: {
    server: 'Runflow',
    free: { name: 'list_models', args: {}, says: 'flux/schnell' },
    async run(call, id) {
      const once = () =>
        call('generate', { model: 'flux/schnell', input: { prompt: 'a fox' }, client_ref: id });
      return untilEnd(await once(), once, /polling_timeout/);
    },
    tellsProgress: true,
    wrong: { name: 'generate', args: { model: 'nope/nothing', input: {} }, says: 'list_models' },
  },
  runware: {
    server: 'runware',
    free: { name: 'list_models', args: {}, says: pictures },
    async run(call, id) {
      const args = { model: pictures, positivePrompt: 'a fox', client_ref: id };
      const first = await call('run', args);
      const taskUUID = /[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/.exec(textOf(first))?.[0];
      return untilEnd(first, () => call('get_task_details', { taskUUID }), /goes on; nothing is lost/);
    },
    tellsProgress: true,
    wrong: { name: 'run', args: { model: 'nope:1@1', positivePrompt: 'a fox' }, says: 'model_search' },
  },
  modelrunner: {
    server: 'modelrunner',
    free: { name: 'list_models', args: {}, says: 'bytedance/sdxl-lightning-4step' },
    async run(call) {
      const endpoint = 'bytedance/sdxl-lightning-4step';
      const sent = await call('run_model', { endpoint, input: { prompt: 'a fox' } });
      if (sent.isError === true) return sent;
      const wait = () => call('wait_for_request', { requestId: sent.structuredContent?.requestId });
      return untilEnd(await wait(), wait, /The request goes on/);
    },
    tellsProgress: true,
    wrong: { name: 'get_request', args: { requestId: 'nothing' }, says: 'list_my_requests' },
  },
  runpod: { ...runpod, wrong: { name: 'get-job-status', args: { endpointId: 'ep1' }, says: 'jobId' } },
  'runpod-4': { ...runpod, wrong: { name: 'get-job-status', args: { endpointId: 'ep1' }, says: 'jobId' } },
};

export function textOf({ content }: Answer): string {
  return content
    .flatMap(({ type, text }) => (type === 'text' && text !== undefined ? [text] : []))
    .join('\n');
}

/** Names of tools that a client of this mount cannot call; those of one plain word are words too. */
function foreignNames(key: string): string[] {
  const own = new Set(profileOf(key)?.tools.map(({ name }) => name));
  const all = new Set(profiles.flatMap(({ tools }) => tools.map(({ name }) => name)));
  return [...all].filter((name) => /[_-]/.test(name) && !own.has(name));
}

export function foreignIn(key: string, text: string): string[] {
  return foreignNames(key).filter((name) => new RegExp(`(?<![\\w/-])${name}(?![\\w-])`).test(text));
}

const validator = new AjvJsonSchemaValidator();

/** What is wrong with an answer for whoever reads the list of tools. */
function faultsOf(met: Met, name: string, { structuredContent }: Answer): string[] {
  const schema = met.tools.find((tool) => tool.name === name)?.outputSchema;
  if (!isObject(schema))
    return structuredContent?.error === undefined && structuredContent ? ['a structure'] : [];
  if (structuredContent === undefined) return ['no structure'];
  const { valid, errorMessage } = validator.getValidator(schema)(structuredContent);
  return valid ? [] : [errorMessage];
}

export async function meet(key: string, met: Met, id: string): Promise<void> {
  const { server, free, run, tellsProgress, wrong } = uses[key] ?? {};
  if (free === undefined || run === undefined || wrong === undefined) throw new Error(`no use of ${key}`);
  const said: string[] = [met.instructions];
  const progress: number[] = [];
  async function call(name: string, args: JsonObject): Promise<Answer> {
    const once = () => met.call(name, args, (at) => progress.push(at));
    // A machine that is busy enough answers late, which a call that returns at once is told so.
    const answer = await untilEnd(await once(), once, /\b(?:unavailable|deadline_exceeded)\b/);
    said.push(textOf(answer), JSON.stringify(answer.structuredContent ?? {}));
    expect(faultsOf(met, name, answer), `${key}: ${name}`).toEqual([]);
    return answer;
  }

  expect(met.serverName).toBe(server);
  const expected = profileOf(key)?.tools.map(({ name }) => name) ?? [];
  const isWhole = key !== 'inferry';
  expect(met.tools.map(({ name }) => name)).toEqual(isWhole ? expected : expected.slice(0, 11));
  expect(textOf(await call(free.name, free.args))).toContain(free.says);

  const end = await run(call, id);
  expect(end.isError ?? false, textOf(end)).toBe(false);
  expect(textOf(end)).toMatch(/https?:\/\/|"COMPLETED"/);
  if (tellsProgress === true) expect(progress.length, key).toBeGreaterThan(0);
  expect(progress).toEqual(progress.toSorted((one, other) => one - other));

  const refused = await call(wrong.name, wrong.args);
  expect(refused.isError).toBe(true);
  expect(textOf(refused)).toContain(wrong.says);
  expect(
    said.flatMap((text) => foreignIn(key, text)),
    key,
  ).toEqual([]);
}
