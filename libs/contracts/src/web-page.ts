/** Telling a web page from a file: what a server sends in place of one says so in its first bytes. */

const blanks = /^(?:\ufeff|\s|<!--[\s\S]{0,2000}?-->)+/;

/** Whether bytes begin as an HTML page does (the MIME sniffing standard, section 7.1, and what servers write). */
export function isPage(head: Uint8Array): boolean {
  const text = Buffer.from(head.subarray(0, 4_096)).toString('utf8').replace(blanks, '');
  return /^<(!doctype\s+html|html|head|body|title|script|iframe|h1|div|meta|br|p|a|table|style)[\s/>]/i.test(
    text,
  );
}
