/** The canonical tools of machines, endpoints and stores: eight for every platform, instead of one for each call. */
import {
  type AnyOperation,
  type AnyTool,
  actOnInfra,
  createInfra,
  defineTool,
  deleteInfra,
  describeInfra,
  getInfra,
  listInfra,
  readInfraLogs,
  type ToolAnnotations,
  text,
  updateInfra,
} from '@inferry/contracts';
import type { z } from 'zod';
import { destructive, readOnly, write } from '../../annotations.ts';

function infraTool<P extends AnyOperation>(
  operation: P,
  [name, title, description]: readonly [name: string, title: string, description: string],
  annotations: ToolAnnotations,
): AnyTool {
  const tool = defineTool({
    name,
    title,
    description,
    annotations,
    operation,
    present: (reply) => [text(JSON.stringify(reply))],
  });
  // as: what a tool's functions take is its own.
  return tool as unknown as AnyTool;
}

/** A platform is named by the first of its types alone: with all of them the list is over a kilobyte. */
function namedOnce(reply: z.infer<typeof describeInfra.reply>): z.infer<typeof describeInfra.reply> {
  const { resources = [] } = reply;
  const isNamed = (at: number) => resources[at]?.provider === resources[at - 1]?.provider;
  return {
    ...reply,
    resources: resources.map(({ provider, ...row }, at) =>
      at > 0 && isNamed(at) ? row : { ...row, provider },
    ),
  };
}

export const infraTools: readonly AnyTool[] = [
  defineTool({
    name: 'infra_describe',
    title: 'Describe infrastructure',
    description:
      'Types of resources with their verbs, and the fields of one type. Call before infra_create or infra_update.',
    annotations: readOnly,
    operation: describeInfra,
    present: (reply) => [text(JSON.stringify(namedOnce(reply)))],
    toStructured: namedOnce,
  }),
  infraTool(
    listInfra,
    [
      'infra_list',
      'List infrastructure',
      'Resources of one type, in brief; the summary has what all that runs costs an hour.',
    ],
    readOnly,
  ),
  infraTool(getInfra, ['infra_get', 'Get infrastructure', 'One resource by id, whole.'], readOnly),
  infraTool(
    createInfra,
    [
      'infra_create',
      'Create infrastructure',
      'Make a pod, endpoint, template, volume or credential. What costs money does so until it is deleted: it is quoted by the hour, held to budgets and max_hourly_cost; stop_after stops it. Always pass client_ref: the same ref never makes two.',
    ],
    write,
  ),
  infraTool(
    updateInfra,
    ['infra_update', 'Update infrastructure', 'Change fields of a resource; what is left out stays.'],
    { ...destructive },
  ),
  infraTool(
    actOnInfra,
    [
      'infra_action',
      'Act on infrastructure',
      'start, stop or restart a pod; purge the queue of an endpoint.',
    ],
    { ...destructive, idempotentHint: false },
  ),
  infraTool(
    deleteInfra,
    [
      'infra_delete',
      'Delete infrastructure',
      'Delete a resource and its data for good. The user is asked; where the client cannot ask, confirm_name has to be its name.',
    ],
    destructive,
  ),
  infraTool(
    readInfraLogs,
    ['infra_logs', 'Read logs', 'A bounded look at the log of a pod or worker.'],
    readOnly,
  ),
];
