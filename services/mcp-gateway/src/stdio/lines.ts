/** Splits what a client writes into the lines that its messages are, none of them longer than a bound. */

const lineFeed = 0x0a;
/** Of a line that is too long, as much as its id is looked for in. */
const endBytes = 512;

export interface LineTaker {
  line(line: Buffer): void;
  /** A line that was longer than the bound: where it begins and where it ends. */
  tooLong(head: string, tail: string): void;
}

/** Takes the chunks of a stream as they come. */
export function createLineReader(maxBytes: number, taker: LineTaker): (chunk: Buffer) => void {
  let parts: Buffer[] = [];
  let size = 0;
  let long: { head: string; tail: Buffer } | undefined;

  function append(part: Buffer): void {
    if (long !== undefined) {
      long.tail = Buffer.concat([long.tail, part.subarray(-endBytes)]).subarray(-endBytes);
      return;
    }
    parts.push(part);
    size += part.length;
    if (size <= maxBytes) return;
    const whole = Buffer.concat(parts);
    parts = [];
    long = {
      head: whole.subarray(0, endBytes).toString('latin1'),
      tail: Buffer.from(whole.subarray(-endBytes)),
    };
  }

  function end(): void {
    if (long !== undefined) taker.tooLong(long.head, long.tail.toString('latin1'));
    else {
      const line = parts.length === 1 && parts[0] !== undefined ? parts[0] : Buffer.concat(parts);
      if (line.length > 0) taker.line(line);
    }
    parts = [];
    size = 0;
    long = undefined;
  }

  return (chunk) => {
    let from = 0;
    for (let at = chunk.indexOf(lineFeed); at >= 0; at = chunk.indexOf(lineFeed, from)) {
      append(chunk.subarray(from, at));
      end();
      from = at + 1;
    }
    if (from < chunk.length) append(chunk.subarray(from));
  };
}

const idInHead =
  /^\s*\{\s*(?:"jsonrpc"\s*:\s*"2\.0"\s*,\s*)?"id"\s*:\s*("[\x20-\x21\x23-\x5b\x5d-\x7e]{0,256}"|-?\d{1,15})\s*,/;
const idInTail = /,\s*"id"\s*:\s*("[\x20-\x21\x23-\x5b\x5d-\x7e]{0,256}"|-?\d{1,15})\s*\}\s*$/;

/** The id of a request whose line is not read: clients write it first or last. Without it the client would wait for an answer. */
export function idOfLongLine(head: string, tail: string): string | number | undefined {
  const text = idInHead.exec(head)?.[1] ?? idInTail.exec(tail)?.[1];
  return text === undefined ? undefined : JSON.parse(text);
}
