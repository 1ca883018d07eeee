// The second process of L2: a bare NATS subscription that answers what L1 would.
import { connect } from '@nats-io/transport-node';
import { doneResultText, fixedResults, quickResultText, runSteps } from './answers.ts';
import { type BareRequest, isStreamed, progress } from './frames.ts';
import { announce } from './listening.ts';

const nats = await connect({ servers: process.env.NATS_URL ?? '' });
nats.subscribe('bench.l2', {
  queue: 'bench',
  callback: (_error, message) => {
    // as: only l2.ts publishes here.
    const body = JSON.parse(message.string()) as BareRequest;
    if (isStreamed(body)) void stream(body, message.reply ?? '');
    else message.respond(fixedResults[body.method] ?? quickResultText);
  },
});

async function stream({ params }: BareRequest, inbox: string): Promise<void> {
  const token = params._meta?.progressToken;
  await runSteps(params.arguments.wait_seconds, (done, total) => {
    nats.publish(inbox, `P${progress(token, done, total)}`);
  });
  nats.publish(inbox, `F${doneResultText}`);
}

await nats.flush();
announce(0);
