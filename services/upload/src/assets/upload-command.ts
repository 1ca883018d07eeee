/** The ready command of create_upload: how a path that the caller's shell sees is named, read and sent. */
import { callOf, hint, uploadFile } from '@inferry/contracts';

/** A word of a POSIX shell that stands for exactly this text. */
function shellQuote(text: string): string {
  // No argument of a process can hold a NUL.
  return `'${text.replaceAll('\0', '').replaceAll("'", "'\\''")}'`;
}

/** A local file as the caller's shell is told it. */
export interface LocalPath {
  shell: 'posix' | 'powershell';
  /** A word of that shell; the home folder is left for it to fill in. */
  word: string;
  /** The path itself. */
  plain: string;
}

/** A path that no command can be made of, and what to pass in place of it. */
interface PathProblem {
  message: string;
  hint: string;
}

const windowsPath = /^([A-Za-z]:[\\/]|\\\\|~\\|\.{1,2}\\|%[A-Za-z_]+%\\|\$env:[A-Za-z_]+\\)/;

/** Reads a path as agents write it: absolute, `~/…`, `$HOME/…`, a file URL, of Windows, or a name in the folder. */
export function readLocalPath(given: string): LocalPath | PathProblem {
  const path = /^file:/i.test(given) ? fromFileUrl(given) : given;
  if (path === undefined) {
    return {
      message: 'is a file URL of another computer',
      hint: 'a path on this one, as your shell sees it',
    };
  }
  if (/^[a-z][a-z0-9+.-]+:\/\//i.test(path)) {
    return {
      message: 'is a URL',
      hint: hint`${callOf(uploadFile)} takes public URLs; this is for a local file`,
    };
  }
  if (/[\\/]$/.test(path) && path.length > 1 && (path.endsWith('/') || windowsPath.test(path))) {
    return { message: 'is a folder', hint: 'one file; pack a folder first' };
  }
  const name = path.split(windowsPath.test(path) ? /[\\/]/ : '/').at(-1) ?? '';
  if (name.length > 255) return { message: 'has a name of over 255 characters', hint: 'a shorter name' };
  return windowsPath.test(path)
    ? { shell: 'powershell', word: powershellWord(path), plain: path }
    : toPosix(path);
}

/** RFC 8089; undefined for another host's. */
function fromFileUrl(url: string): string | undefined {
  if (!URL.canParse(url)) return undefined;
  const { hostname, pathname } = new URL(url);
  if (hostname !== '' && hostname !== 'localhost') return undefined;
  try {
    const path = decodeURIComponent(pathname);
    return /^\/[A-Za-z]:\//.test(path) ? path.slice(1).replaceAll('/', '\\') : path;
  } catch {
    // A stray percent sign: the name as it is.
    return pathname;
  }
}

function toPosix(path: string): LocalPath | PathProblem {
  const home = /^(~[a-z_][a-z0-9_-]*|~|\$HOME|\$\{HOME\})\/(.+)$/s.exec(path);
  if (home !== null) {
    const [, start = '', rest = ''] = home;
    // Unquoted, or the shell would not fill it in.
    return {
      shell: 'posix',
      word: `${start.startsWith('~') ? start : '"$HOME"'}/${shellQuote(rest)}`,
      plain: path,
    };
  }
  if (/^\$(\{?[A-Z_][A-Z0-9_]*\}?)\//.test(path)) {
    return {
      message: 'begins with a variable of the shell',
      hint: 'the path itself; ~/… and $HOME/… are known',
    };
  }
  if (/^(~|\$HOME|\$\{HOME\}|\/)$/.test(path)) return { message: 'is a folder', hint: 'one file' };
  // A name that begins with `-` is an option to curl, and `-` and `.` are its standard input: a path is neither.
  return { shell: 'posix', word: shellQuote(path.startsWith('/') ? path : `./${path}`), plain: path };
}

/** A word of PowerShell; where the path allows it, one that cmd.exe and bash read alike. */
function powershellWord(path: string): string {
  const [, variable = '', rest = ''] = /^(?:%([A-Za-z_]+)%|\$env:([A-Za-z_]+)|~)(\\.*)$/s.exec(path)
    ? [path, ...homeOf(path)]
    : [];
  if (variable !== '') return `(${variable} + ${powershellQuote(rest)})`;
  return /["$`%\u201c-\u201e]/.test(path) ? powershellQuote(path) : `"${path}"`;
}

/** What stands for the first part of a path, and the rest of it. */
function homeOf(path: string): [string, string] {
  const at = path.indexOf('\\');
  const first = path.slice(0, at).replace(/^%(.*)%$/, '$env:$1');
  return [first === '~' ? '$HOME' : first, path.slice(at)];
}

/** PowerShell takes typographic quotes for its own. */
function powershellQuote(text: string): string {
  return `'${text.replaceAll('\0', '').replace(/['\u2018-\u201b]/g, '$&$&')}'`;
}

interface UploadCommand {
  path: LocalPath;
  contentType: string | undefined;
  url: string;
}

/** Uploads a file with one PUT. `-g`: curl must not read `{a,b}` in a name as two files. */
export function uploadCommand({ path, contentType, url }: UploadCommand): string {
  // PowerShell 5 has an alias `curl` for something else.
  const isPosix = path.shell === 'posix';
  const quote = isPosix ? shellQuote : (text: string) => `"${text}"`;
  const header = contentType === undefined ? '' : `-H ${quote(`content-type: ${contentType}`)} `;
  return `${isPosix ? 'curl' : 'curl.exe'} -fsS -g ${header}-T ${path.word} ${quote(url)}`;
}

interface PartsCommand {
  path: LocalPath;
  partBytes: number;
  partCount: number;
  /** With `{part}` where the number stands. */
  partUrl: string;
}

/** Uploads a file in parts, one after the other; stops at the first that cannot be read or is not taken. */
export function partsCommand({ path, partBytes, partCount, partUrl }: PartsCommand): string {
  const [before = '', after = ''] = partUrl.split('{part}');
  if (path.shell === 'powershell') {
    return [
      `$f=[IO.File]::OpenRead((Resolve-Path -LiteralPath ${path.word}).ProviderPath); try { $b=New-Object byte[] ${partBytes};`,
      `for ($i=1; $i -le ${partCount}; $i++) { $n=0; while ($n -lt $b.Length -and ($r=$f.Read($b,$n,$b.Length-$n)) -gt 0) { $n+=$r };`,
      'if ($n -lt $b.Length) { [Array]::Resize([ref]$b,$n) };',
      `Invoke-RestMethod -ErrorAction Stop -Method Put -ContentType application/octet-stream -Body $b -Uri ('${before}'+$i+'${after}') } } finally { $f.Close() }`,
    ].join(' ');
  }
  const loop = [
    // dd tells of every part it read, so its own words are not shown: what can be known before is said before.
    `f=${path.word}; [ -f "$f" ] && [ -r "$f" ] || { echo "$f: no such file that can be read" >&2; exit 1; };`,
    '(set -o pipefail) 2>/dev/null && set -o pipefail;',
    `i=1; while [ $i -le ${partCount} ]; do`,
    `dd if="$f" bs=${partBytes} skip=$((i-1)) count=1 2>/dev/null |`,
    `curl -fsS -H 'content-type: application/octet-stream' -T - ${shellQuote(before)}$i${shellQuote(after)}`,
    '|| { echo "part $i failed" >&2; exit 1; };',
    'i=$((i+1)); done',
  ];
  return `(${loop.join(' ')})`;
}
