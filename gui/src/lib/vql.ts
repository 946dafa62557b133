// Words of VQL for the editor's colours: the lexer rules of the language, as a stream tokenizer.
// Not here: whether a text is right. That is the server's `POST /vql/check`, and what may stand at the cursor its `POST /vql/complete`.

const WORDS = /^(explain|select|where|and|or|from|not|as|in|limit|desc|let)\b/i;
const PAIRS = /^(group|order)\s+by\b/i;
const ATOMS = /^(null|true|false)\b/i;

/** What the tokenizer reads from; CodeMirror's StringStream is one. */
export interface Stream {
  match(pattern: RegExp): unknown;
  match(pattern: string): unknown;
  eatSpace(): boolean;
  next(): string | void;
  skipToEnd(): void;
  eol(): boolean;
}

/** What is open at the end of a line. */
export interface VqlState {
  inside: null | 'comment' | 'raw' | '"' | "'";
  /** Open brackets; true for those of a call, in which `name=` is an argument. */
  open: boolean[];
  /** The last token was a name that is called. */
  called: boolean;
}

export const startState = (): VqlState => ({ inside: null, open: [], called: false });

function restOfQuoted(stream: Stream, state: VqlState): string {
  const quote = state.inside;
  while (!stream.eol()) {
    const c = stream.next();
    if (c === '\\') stream.next();
    else if (c === quote) {
      state.inside = null;
      break;
    }
  }
  return 'string';
}

function restUntil(stream: Stream, state: VqlState, end: RegExp, name: string): string {
  if (stream.match(end)) state.inside = null;
  else stream.skipToEnd();
  return name;
}

/** Takes one token and says its class, or null for blanks. */
export function token(stream: Stream, state: VqlState): string | null {
  if (state.inside === 'comment') return restUntil(stream, state, /^.*?\*\//, 'comment');
  if (state.inside === 'raw') return restUntil(stream, state, /^.*?'''/, 'string');
  if (state.inside) return restOfQuoted(stream, state);
  if (stream.eatSpace()) return null;
  if (stream.match('/*')) {
    state.inside = 'comment';
    return restUntil(stream, state, /^.*?\*\//, 'comment');
  }
  if (stream.match('--') || stream.match('//')) {
    stream.skipToEnd();
    return 'comment';
  }
  if (stream.match("'''")) {
    state.inside = 'raw';
    return restUntil(stream, state, /^.*?'''/, 'string');
  }
  if (stream.match('"')) return ((state.inside = '"'), restOfQuoted(stream, state));
  if (stream.match("'")) return ((state.inside = "'"), restOfQuoted(stream, state));
  if (stream.match(PAIRS) || stream.match(WORDS)) return 'keyword';
  if (stream.match(ATOMS)) return 'atom';
  if (stream.match(/^-?(0x[0-9a-f]+|(\d+(\.\d+)?|\.\d+)(e[+-]?\d+)?)/i)) return 'number';
  if (stream.match(/^-?`[^`]+`/)) return 'variableName';
  if (stream.match(/^-?[A-Za-z_]\w*(?=\s*\()/)) {
    state.called = true;
    return 'variableName.function';
  }
  if (state.open.at(-1) && stream.match(/^[A-Za-z_]\w*(?=\s*=(?![=~>]))/)) return 'propertyName';
  if (stream.match(/^-?[A-Za-z_]\w*/)) return 'variableName';
  if (stream.match(/^(<>|!=|<=|>=|=>|=~|&&|\|+|[-+*/%=<>])/)) return 'operator';
  const mark = stream.next();
  if (mark === '(' || mark === '{' || mark === '[') {
    state.open.push(mark === '(' && state.called);
    state.called = false;
  } else if (mark === ')' || mark === '}' || mark === ']') state.open.pop();
  return null;
}
