/** The tools of batches: many runs of one model as one piece of work. A toolset of its own, for those who ask for it. */
import {
  type Batch,
  type BatchItem,
  type ContentBlock,
  cancelBatch,
  defineTool,
  getBatch,
  type JsonObject,
  problemLine,
  type RunCost,
  runBatch,
  text,
} from '@inferry/contracts';
import type { z } from 'zod';
import { destructive, readOnly, write } from '../../annotations.ts';
import { costText, money, pageLine, quotedCost, toLink } from '../../present-run.ts';

type Reply = Partial<
  z.infer<typeof getBatch.reply> & Pick<z.infer<typeof runBatch.reply>, 'validation' | 'quote' | 'replayed'>
>;

export const runBatchTool = defineTool({
  name: 'run_batch',
  title: 'Run batch',
  description:
    'Run one model many times: a list of inputs, or sweep={"field":[values]} for every combination, at most 1000. Spends credits. All inputs are validated, quoted and held from the budget before the first run; max_cost is for all of them. It goes on when the call ends: continue with get_batch. When over it has a contact sheet and a CSV. dry_run=true validates and quotes only.',
  annotations: write,
  operation: runBatch,
  present: presentBatches,
});

export const getBatchTool = defineTool({
  name: 'get_batch',
  title: 'Get batch',
  description:
    'Counts, cost so far, failed runs and results of a batch, by page; wait_seconds waits for its end first. Without batch_id: your batches.',
  annotations: readOnly,
  operation: getBatch,
  present: presentBatches,
});

export const cancelBatchTool = defineTool({
  name: 'cancel_batch',
  title: 'Cancel batch',
  description: 'Start no more runs of a batch and stop those under way as far as the provider can.',
  annotations: { ...destructive, idempotentHint: true },
  operation: cancelBatch,
  present: presentBatches,
});

function presentBatches(reply: Reply): ContentBlock[] {
  const { batch, page, validation, quote, replayed } = reply;
  // as: whoever answers writes items and batches of these shapes.
  const items = (reply.items ?? []) as unknown as BatchItem[];
  const batches = (reply.batches ?? []) as unknown as Batch[];
  if (validation !== undefined) {
    const problems = validation.map((problem) => `- ${problemLine(problem)}`);
    const verdict = problems.length === 0 ? 'All inputs are valid.' : 'Not all inputs are valid.';
    return [
      text([`Dry run. ${verdict}${quoteText(quote)} Nothing was run or charged.`, ...problems].join('\n')),
    ];
  }
  if (batch === undefined) {
    return [
      text([...batches.map((one) => `- ${batchLine(one)}`), pageLine(batches.length, page)].join('\n')),
    ];
  }
  const lines = [
    ...(replayed === true ? ['Same client_ref: this is the existing batch.'] : []),
    `Batch ${batchLine(batch)}`,
    ...items.map(itemLine),
  ];
  if (items.length > 0) lines.push(pageLine(items.length, page));
  if (batch.sheet !== undefined) lines.push(`![sheet](${batch.sheet})`);
  if (batch.table !== undefined) lines.push(`[table](${batch.table})`);
  if (batch.next_action !== undefined) lines.push(`Next: ${batch.next_action}`);
  const files = [
    { url: batch.sheet, asset_id: 'sheet', mime_type: 'image/jpeg' },
    { url: batch.table, asset_id: 'table', mime_type: 'text/csv' },
  ];
  return [text(lines.join('\n')), ...files.flatMap(toLink)];
}

function batchLine({
  batch_id: id,
  status,
  model,
  total,
  counts = {},
  cost: told,
  stopped,
  ...batch
}: Batch): string {
  // as: what all of it cost is written as it is of a run.
  const cost = told as RunCost | undefined;
  const said = Object.entries(counts).map(([name, count]) => `${String(count)} ${name}`);
  const facts = [
    `${id}: ${status}`,
    ...(model === undefined ? [] : [model]),
    `${total ?? 0} runs (${said.join(', ')})`,
    ...(stopped === undefined ? [] : [`the rest was not started: ${stopped}`]),
    ...(batch.max_cost === undefined ? [] : [`max_cost ${batch.max_cost}`]),
    ...(batch.client_ref === undefined ? [] : [`client_ref ${batch.client_ref}`]),
    costText(cost).replace(/\.$/, ''),
    ...(cost?.assumed === undefined ? [] : [`counted besides: ${money(cost, cost.assumed)}`]),
  ];
  return facts.filter((fact) => fact !== '').join(', ');
}

function itemLine({ index, run_id: id, status, input, url, text: said, error }: BatchItem): string {
  const facts = [
    `${index}. ${status} ${id}`,
    ...(input === undefined ? [] : [JSON.stringify(input)]),
    ...(url === undefined ? [] : [`[output](${url})`]),
    ...(said === undefined ? [] : [said]),
    ...(error === undefined ? [] : [error]),
  ];
  return facts.join(' ');
}

function quoteText(quote: JsonObject | undefined): string {
  return quote === undefined ? '' : ` ${String(quote.runs)} runs.${quotedCost(quote, 'runs')}`;
}
