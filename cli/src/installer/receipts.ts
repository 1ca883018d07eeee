/** What was written into other programs' files, so that it can be told from what people wrote, and taken back exactly. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { joinAt, type Place, settingsFolder } from '@inferry/clients';
import { z } from 'zod';
import { readClientFile, writeClientFile } from './client-file.ts';

const Receipt = z.object({
  client: z.string(),
  file: z.string(),
  servers: z.string(),
  name: z.string(),
  /** The file, and the property of all servers, were not there before. */
  madeFile: z.boolean(),
  madeServers: z.boolean(),
});
export type Receipt = z.infer<typeof Receipt>;
const Receipts = z.object({ entries: z.array(Receipt) });

/** Of this installer: receipts and copies of the files that it changed. */
export function installerFolder(place: Place): string {
  return joinAt(place, settingsFolder(place), 'inferry', 'installer');
}

/** Unreadable ones are none: then entries are known by what they say. */
export function readReceipts(place: Place): Receipt[] {
  try {
    return Receipts.parse(JSON.parse(readFileSync(fileOf(place), 'utf8'))).entries;
  } catch {
    return [];
  }
}

export function isOf(receipt: Receipt, { file, name }: Pick<Receipt, 'file' | 'name'>): boolean {
  return receipt.file === file && receipt.name === name;
}

/** Replaces the receipt of the same entry, or takes it away. */
export function keepReceipt(
  place: Place,
  about: Pick<Receipt, 'file' | 'name'>,
  receipt: Receipt | undefined,
): void {
  const others = readReceipts(place).filter((known) => !isOf(known, about));
  const entries = receipt === undefined ? others : [...others, receipt];
  const text = `${JSON.stringify({ entries }, undefined, 2)}\n`;
  // Where other people's servers stand is nobody else's business.
  writeClientFile(readClientFile(fileOf(place)), text, { holdsKey: true });
}

function fileOf(place: Place): string {
  return join(installerFolder(place), 'entries.json');
}
