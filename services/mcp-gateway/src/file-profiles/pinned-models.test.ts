import { AppError, callOf, catalogChanged, getModel, hint, runModel, searchModels } from '@inferry/contracts';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { startTestGateway, type TestGateway } from '../test-gateway.ts';

let gateway: TestGateway;
let ran: unknown[] = [];
let asked: string[] = [];
let fault: AppError | undefined;

beforeAll(async () => {
  gateway = await startTestGateway({
    serve(services) {
      services.serve(runModel, async (input) => {
        ran.push(input);
        return { run: { run_id: 'run_1', status: 'running' as const } };
      });
      services.serve(getModel, async ({ model }) => {
        asked.push(model);
        if (fault !== undefined) throw fault;
        if (!/^[pq]\//.test(model))
          throw new AppError('model_not_found', 'There is none.', {
            nextAction: hint`Find one with ${callOf(searchModels)}.`,
          });
        const properties = model === 'q/own' ? { client_ref: {} } : { prompt: { type: 'string' } };
        return {
          model: { model, title: `Title of ${model}`, summary: 'Draws.' },
          schema: { type: 'object', properties, required: Object.keys(properties) },
        };
      });
    },
  });
});
afterAll(() => gateway.close());
beforeEach(() => {
  [ran, asked, fault] = [[], [], undefined];
});

// biome-ignore lint/suspicious/noExplicitAny: tests look into answers of every shape.
type Json = any;

/** `at` is the query of the canonical mount, or a path with one. */
async function ask(at: string, method: string, params: object = {}): Promise<Json> {
  const isModern = '_meta' in params;
  const headers = isModern ? { 'mcp-protocol-version': '2026-07-28', 'mcp-method': method } : {};
  const path = at.startsWith('/') ? at : `/mcp?${at}`;
  const response = await fetch(gateway.url.replace('/mcp', path), {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify({ jsonrpc: '2.0', id: 1, method, params }),
  });
  const json: Json = await response.json();
  return { status: response.status, ...json };
}

const namesAt = async (at: string) =>
  (await ask(at, 'tools/list')).result.tools.map(({ name }: Json) => name);

describe('models in the address', () => {
  it('are typed tools before the others, for this connection alone', async () => {
    const { result } = await ask('models=p/fox,q/own', 'tools/list');
    const [fox, own, ...rest] = result.tools;

    expect(fox).toMatchObject({ name: 'run_fox', title: 'Title of p/fox', description: 'Draws.' });
    expect(fox.inputSchema.properties).toMatchObject({ prompt: { type: 'string' }, client_ref: {} });
    expect(own.inputSchema.properties).toEqual({ client_ref: {} });
    expect(rest.map(({ name }: Json) => name)).toEqual(await namesAt(''));
    expect(await namesAt('models=p/fox&exclude=run_model&toolsets=run')).not.toContain('run_model');
  });

  it('run the model, safely again by client_ref', async () => {
    const call = (args: object) => ask('models=p/fox', 'tools/call', { name: 'run_fox', arguments: args });

    const { result } = await call({ prompt: 'x', client_ref: 'one' });
    const wrong = await call({ promt: 'x' });

    expect(result.structuredContent.run).toMatchObject({ run_id: 'run_1' });
    expect(ran).toEqual([{ model: 'p/fox', input: { prompt: 'x' }, client_ref: 'one' }]);
    expect(JSON.stringify(wrong.result.structuredContent)).toContain('known: prompt, client_ref');
    expect((await ask('', 'tools/call', { name: 'run_fox', arguments: {} })).error.code).toBe(-32_602);
  });

  it('have the whole id as their name where a part of it would be two', async () => {
    expect((await namesAt('models=p/fox,q/fox,p/model')).slice(0, 3)).toEqual([
      'run_p_fox',
      'run_q_fox',
      'run_p_model',
    ]);
  });

  it('are asked for once, and again when the catalog changes', async () => {
    await Promise.all([namesAt('models=p/once'), namesAt('models=p/once')]);
    await namesAt('models=p/once');
    expect(asked).toEqual(['p/once']);

    gateway.services.publish(catalogChanged, { provider: 'p', version: 2 });

    await vi.waitFor(async () => {
      await namesAt('models=p/once');
      expect(asked.length).toBeGreaterThan(1);
    });
  });

  it.each(['initialize', 'server/discover'])(
    'that nobody has are told to whoever begins by %s',
    async (method) => {
      const meta = 'io.modelcontextprotocol';
      const _meta = {
        [`${meta}/protocolVersion`]: '2026-07-28',
        [`${meta}/clientCapabilities`]: {},
      };
      const params =
        method === 'initialize' ? { protocolVersion: '2025-11-25', capabilities: {} } : { _meta };

      const { status, error } = await ask('models=p/fox,z/none', method, params);

      expect(status).toBe(400);
      expect(error.message).toBe('z/none: There is none.');
      expect(error.data).toMatchObject({
        code: 'model_not_found',
        next_action: 'Find one with search_models.',
      });
      // Later it is one tool less.
      expect((await namesAt('models=p/fox,z/none')).slice(0, 2)).toEqual(['run_fox', 'search_models']);
    },
  );

  it('are refused for now while the catalog cannot be asked', async () => {
    fault = new AppError('unavailable', 'Not now.');

    const { status, error } = await ask('models=p/later', 'tools/list');

    expect([status, error.data.code, error.data.retryable]).toEqual([503, 'unavailable', true]);
    fault = undefined;
    expect(await namesAt('models=p/later')).toContain('run_later');
  });

  it('open nothing that the request does not have: no run where it reads alone, and no model of others', async () => {
    expect(await namesAt('models=p/fox&readonly=1')).not.toContain('run_fox');
    expect(await namesAt('models=p/fox&toolsets=discover')).not.toContain('run_fox');
    expect(await namesAt('/mcp/x/discover?models=p/fox')).not.toContain('run_fox');
  });

  it('are 20 at most', async () => {
    const many = Array.from({ length: 21 }, (_, at) => `p/m${at}`).join();

    expect((await ask(`models=${many}`, 'tools/list')).error.message).toContain('20 at most');
  });

  it('count for a batch too', async () => {
    const response = await fetch(`${gateway.url}?models=p/fox`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'mcp-protocol-version': '2025-03-26' },
      body: JSON.stringify([{ jsonrpc: '2.0', id: 1, method: 'tools/list' }]),
    });

    expect(await response.text()).toContain('"run_fox"');
  });
});
