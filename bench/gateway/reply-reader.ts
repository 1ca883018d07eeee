/** One HTTP response as the generator needs it. */
export interface HttpReply {
  status: number;
  body: string;
  closes: boolean;
}

const headEnd = '\r\n\r\n';
const lastChunk = '0\r\n\r\n';
const chunkLine = /\r\n[0-9a-f]+\r\n/gi;

/**
 * Reads the one response that is under way on a connection. It understands just what the servers under test send
 * (a length, or chunks), so that checking a response costs less than serving it.
 */
export class ReplyReader {
  #text = '';
  #bodyAt = 0;
  #end = -1;

  /** The response, once all of it has come. */
  push(chunk: Buffer): HttpReply | undefined {
    // Latin-1 keeps one character per byte, so that lengths in bytes are lengths of text.
    this.#text = this.#text === '' ? chunk.toString('latin1') : this.#text + chunk.toString('latin1');
    if (this.#bodyAt === 0 && !this.#readHead()) return undefined;
    const isWhole = this.#end >= 0 ? this.#text.length >= this.#end : this.#text.endsWith(lastChunk);
    return isWhole ? this.#take() : undefined;
  }

  #readHead(): boolean {
    const end = this.#text.indexOf(headEnd);
    if (end < 0) return false;
    this.#bodyAt = end + headEnd.length;
    const length = /\r\ncontent-length: *(\d+)/i.exec(this.#text.slice(0, end))?.[1];
    this.#end = length === undefined ? -1 : this.#bodyAt + Number(length);
    return true;
  }

  #take(): HttpReply {
    const text = this.#text;
    const body = text.slice(this.#bodyAt);
    const reply = {
      status: Number(text.slice(9, 12)),
      body: this.#end >= 0 ? body : `\r\n${body}`.replace(chunkLine, ''),
      closes: /\r\nconnection: *close/i.test(text.slice(0, this.#bodyAt)),
    };
    this.#text = '';
    this.#bodyAt = 0;
    this.#end = -1;
    return reply;
  }
}
