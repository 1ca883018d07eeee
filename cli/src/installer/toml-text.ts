import { parse, stringify, TomlError } from 'smol-toml';
import { BrokenConfig, type EntryPath, type TextEditor } from './text-editor.ts';

/** TOML, in which an entry is a table with a header of its own: its lines come and go, and no other line changes. */
export const tomlText: TextEditor = {
  parse(text) {
    try {
      return parse(text);
    } catch (error) {
      if (!(error instanceof TomlError)) throw error;
      throw new BrokenConfig(`it is not valid TOML: ${error.message.split('\n')[0]}`, error.line);
    }
  },
  put(text, path, entry) {
    const table = stringify({ [path.servers]: { [path.name]: entry } }).trim();
    const lines = text.split('\n');
    const known = findTables(lines, path);
    const [first] = known;
    if (first !== undefined) {
      const kept = lines.filter((_line, index) => !known.some(({ from, to }) => index >= from && index < to));
      kept.splice(first.from, 0, ...table.split('\n'));
      return kept.join('\n');
    }
    const body = text.trimEnd();
    return `${body === '' ? '' : `${body}\n\n`}${table}\n`;
  },
  remove(text, path) {
    const lines = text.split('\n');
    for (const { from, to } of findTables(lines, path).reverse()) {
      const isSetApart = from > 0 && lines[from - 1]?.trim() === '';
      lines.splice(isSetApart ? from - 1 : from, to - from + (isSetApart ? 1 : 0));
    }
    const rest = lines.join('\n');
    return text.endsWith('\n') && rest !== '' && !rest.endsWith('\n') ? `${rest}\n` : rest;
  },
};

interface Lines {
  from: number;
  /** The first line after it. */
  to: number;
}

/** The entry's table and the tables below it. What lies in a string of several lines is told apart by whoever reads the result again. */
function findTables(lines: readonly string[], { servers, name }: EntryPath): Lines[] {
  const quoted = (key: string) => `(?:${literal(key)}|"${literal(key)}"|'${literal(key)}')`;
  const own = new RegExp(`^\\s*\\[\\s*${quoted(servers)}\\s*\\.\\s*${quoted(name)}\\s*(?:\\.[^\\]]*)?\\]`);
  const found: Lines[] = [];
  for (let from = 0; from < lines.length; from++) {
    if (!own.test(lines[from] ?? '')) continue;
    let to = from + 1;
    while (to < lines.length && (own.test(lines[to] ?? '') || !/^\s*\[/.test(lines[to] ?? ''))) to += 1;
    // Comments and blank lines before the next table belong to that one.
    while (to > from + 1 && /^\s*(#.*)?$/.test(lines[to - 1] ?? '')) to -= 1;
    found.push({ from, to });
    from = to - 1;
  }
  return found;
}

function literal(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
}
