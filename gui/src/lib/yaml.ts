// YAML in colours, line by line: enough for people to read a rule by. Pure.

export type Piece = [kind: 'key' | 'string' | 'number' | 'comment' | 'mark' | 'text', text: string];

const SCALAR: [Piece[0], RegExp][] = [
  ['comment', /^#.*/],
  ['string', /^"(?:[^"\\]|\\.)*"?|^'(?:[^']|'')*'?/],
  ['mark', /^[[\]{},|>&*!]+|^---|^- /],
  ['number', /^(?:true|false|null|~|-?\d+(?:\.\d+)?(?:ms|s|m|h|d|w|[KMGT]i?B)?)(?=[\s,\]}]|$)/],
  ['text', /^[^\s"'#[\]{},]+/],
];

function scalars(text: string, out: Piece[]) {
  let rest = text;
  while (rest) {
    const space = /^\s+/.exec(rest)?.[0];
    if (space) {
      out.push(['text', space]);
      rest = rest.slice(space.length);
      continue;
    }
    const key = /^([\w.$*|/-]+|"[^"]*"|'[^']*')(?=\s*:(?:\s|$))/.exec(rest)?.[0];
    const found = key ? undefined : SCALAR.find(([, pattern]) => pattern.test(rest));
    const piece = key ?? (found ? found[1].exec(rest)![0] : rest[0]!);
    out.push([key ? 'key' : (found?.[0] ?? 'text'), piece]);
    rest = rest.slice(piece.length);
  }
}

/** Each line as coloured pieces; the text under `|` and `>` is left as it is. */
export function yamlLines(text: string): Piece[][] {
  const lines: Piece[][] = [];
  let block = -1;
  for (const line of text.replace(/\n$/, '').split('\n')) {
    const indent = line.search(/\S/);
    if (block >= 0 && (indent < 0 || indent > block)) {
      lines.push([['string', line]]);
      continue;
    }
    block = /(?::|-)\s*[|>][+-]?\d*\s*(?:#.*)?$/.test(line) ? indent : -1;
    const pieces: Piece[] = [];
    scalars(line, pieces);
    lines.push(pieces);
  }
  return lines;
}
