/** A word of a POSIX shell that stands for exactly this text. */
export function shellQuote(text: string): string {
  // No argument of a process can hold a NUL.
  return `'${text.replaceAll('\0', '').replaceAll("'", "'\\''")}'`;
}

export interface CurlUpload {
  /** As the caller named the file, which may be a path. */
  file: string;
  contentType: string | undefined;
  url: string;
}

/** The command that uploads a file with one PUT. `-g`: curl must not read `{a,b}` in a name as two files. */
export function curlCommand({ file, contentType, url }: CurlUpload): string {
  const header = contentType === undefined ? '' : `-H ${shellQuote(`content-type: ${contentType}`)} `;
  return `curl -fsS -g ${header}-T ${shellQuote(toPath(file))} ${shellQuote(url)}`;
}

export interface CurlParts {
  file: string;
  partBytes: number;
  /** The URLs of the parts, in order; they differ in the number only. */
  urls: readonly string[];
}

/** The command that uploads a file in parts, one after the other; stops at the first that fails. */
export function curlPartsCommand({ file, partBytes, urls }: CurlParts): string {
  const first = urls[0] ?? '';
  const [before = '', query = ''] = first.split('?');
  const stem = before.slice(0, before.lastIndexOf('/') + 1);
  const loop = [
    `i=1; while [ $i -le ${urls.length} ]; do`,
    `dd if=${shellQuote(toPath(file))} bs=${partBytes} skip=$((i-1)) count=1 2>/dev/null |`,
    `curl -fsS -H ${shellQuote('content-type: application/octet-stream')} -T - ${shellQuote(stem)}$i${shellQuote(`?${query}`)} || exit 1;`,
    'i=$((i+1)); done',
  ];
  return `(${loop.join(' ')})`;
}

/** A name that begins with `-` is an option to curl, and `-` and `.` are its standard input: a path is neither. */
function toPath(file: string): string {
  return /^(\/|[A-Za-z]:[\\/])/.test(file) ? file : `./${file}`;
}
