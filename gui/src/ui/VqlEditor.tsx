// The editor of VQL and SQL, loaded when one is shown. It lives in a shadow root: there CodeMirror adopts its style sheet as an
// object instead of making a style tag, which the Content-Security-Policy forbids.

import {
  autocompletion,
  closeBrackets,
  closeBracketsKeymap,
  completionKeymap,
  type Completion,
  type CompletionContext,
  type CompletionResult,
} from '@codemirror/autocomplete';
import { defaultKeymap, history, historyKeymap } from '@codemirror/commands';
import { bracketMatching, HighlightStyle, StreamLanguage, syntaxHighlighting } from '@codemirror/language';
import { linter, lintKeymap, type Diagnostic } from '@codemirror/lint';
import { EditorState } from '@codemirror/state';
import { EditorView, keymap, placeholder as hint } from '@codemirror/view';
import { tags } from '@lezer/highlight';
import { useEffect, useRef } from 'react';
import { checkVql, completeVql } from '../api/queries';
import type { CheckReport } from '../api/schema';
import { byteOfIndex, indexOfByte } from '../lib/spans';
import { SQL_CALLS, SQL_WORDS, sqlName, sqlStart, sqlToken } from '../lib/sql';
import { startState, token } from '../lib/vql';

const language = StreamLanguage.define({
  name: 'vql',
  startState,
  token,
  languageData: { commentTokens: { line: '--' } },
});

const sqlLanguage = StreamLanguage.define({
  name: 'sql',
  startState: sqlStart,
  token: sqlToken,
  languageData: { commentTokens: { line: '--' } },
});

const colours = HighlightStyle.define([
  { tag: tags.keyword, color: 'var(--code-keyword)', fontWeight: '600' },
  { tag: tags.atom, color: 'var(--code-number)' },
  { tag: tags.number, color: 'var(--code-number)' },
  { tag: tags.string, color: 'var(--code-string)' },
  { tag: tags.comment, color: 'var(--code-comment)', fontStyle: 'italic' },
  { tag: tags.function(tags.variableName), color: 'var(--code-function)' },
  { tag: tags.propertyName, color: 'var(--code-prop)' },
  { tag: tags.variableName, color: 'var(--code-name)' },
]);

const look = EditorView.theme({
  '&': { fontSize: '12.5px', color: 'var(--ink)', backgroundColor: 'transparent' },
  '&.cm-focused': { outline: 'none' },
  '.cm-scroller': {
    fontFamily: 'var(--mono)',
    lineHeight: '1.55',
    fontVariantLigatures: 'none',
    minHeight: 'var(--editor-min)',
  },
  '.cm-content': { padding: '8px 0', caretColor: 'var(--ink)' },
  '.cm-line': { padding: '0 10px' },
  '.cm-placeholder': { color: 'var(--dim)' },
  '.cm-cursor': { borderLeftColor: 'var(--ink)' },
  '.cm-selectionBackground, &.cm-focused .cm-selectionBackground': { backgroundColor: 'var(--select) !important' },
  '.cm-matchingBracket': { backgroundColor: 'var(--select) !important', color: 'inherit' },
  '.cm-tooltip': {
    backgroundColor: 'var(--surface)',
    color: 'var(--ink)',
    border: '1px solid var(--line-strong)',
    borderRadius: '6px',
    fontSize: '12.5px',
  },
  '.cm-completionInfo': { whiteSpace: 'pre-wrap', maxWidth: '420px', padding: '6px 10px' },
  '.cm-tooltip-autocomplete ul li[aria-selected]': { backgroundColor: 'var(--select)', color: 'var(--ink)' },
  '.cm-diagnostic': { padding: '4px 10px', fontFamily: 'var(--mantine-font-family)' },
});

// How CodeMirror draws what the server calls it.
const ICONS: Record<string, string> = {
  argument: 'property',
  column: 'property',
  variable: 'variable',
  plugin: 'class',
  function: 'function',
  artifact: 'namespace',
  accessor: 'enum',
  keyword: 'keyword',
};

/** What may stand at the cursor: the server knows the names and the grammar. */
function complete(kind: string) {
  return async (context: CompletionContext): Promise<CompletionResult | null> => {
    const text = context.state.doc.toString();
    if (!context.explicit && !/[\w.(,`"']$/.test(text.slice(0, context.pos))) return null;
    try {
      const found = await completeVql({ text, at: byteOfIndex(text, context.pos), kind });
      if (context.aborted || !found.offers.length) return null;
      const from = indexOfByte(text, found.from);
      // Right behind a mark a list would be in the way, unless it is the start of a name or an argument.
      if (!context.explicit && from === context.pos && !/[.(]$/.test(text.slice(0, from))) return null;
      return {
        from,
        to: indexOfByte(text, found.to),
        filter: false,
        options: found.offers.map((offer): Completion => ({
          label: offer.text,
          type: ICONS[offer.kind] ?? 'text',
          ...(offer.kind === 'argument' ? { apply: `${offer.text}=` } : {}),
          ...(offer.detail && offer.detail.length <= 60 ? { detail: offer.detail } : {}),
          ...(offer.doc || offer.detail ? { info: [offer.detail, offer.doc].filter(Boolean).join('\n\n') } : {}),
        })),
      };
    } catch {
      // Writing goes on without help.
      return null;
    }
  };
}

/** Words of SQL and names of columns, from a list. */
function completeSql(names: string[]) {
  return (context: CompletionContext): CompletionResult | null => {
    const word = context.matchBefore(/[A-Za-z_]\w*/);
    if (!word && !context.explicit) return null;
    return {
      from: word?.from ?? context.pos,
      validFor: /^\w*$/,
      options: [
        ...names.map((label) => ({ label, apply: sqlName(label), type: 'property', boost: 2 })),
        { label: 'results', type: 'class', boost: 1 },
        ...SQL_WORDS.map((label) => ({ label, type: 'keyword' })),
        ...SQL_CALLS.map((label) => ({ label, apply: `${label}(`, type: 'function' })),
      ],
    };
  };
}

function check(kind: string, report: (found: CheckReport | null) => void) {
  return linter(
    async (view): Promise<Diagnostic[]> => {
      const text = view.state.doc.toString();
      if (!text.trim()) {
        report(null);
        return [];
      }
      try {
        const found = await checkVql({ text, kind });
        report(found);
        return found.problems.map((problem) => {
          const from = indexOfByte(text, problem.start ?? 0);
          const to = Math.max(from, indexOfByte(text, problem.end ?? problem.start ?? text.length));
          return {
            from: from === to && from > 0 && from === text.length ? from - 1 : from,
            to: from === to ? Math.min(text.length, from + 1) : to,
            severity: problem.severity === 'warning' ? 'warning' : 'error',
            message: problem.hint ? `${problem.message}\n${problem.hint}` : problem.message,
          };
        });
      } catch {
        // The server decides again when the hunt is made.
        report(null);
        return [];
      }
    },
    { delay: 350 },
  );
}

export interface VqlEditorProps {
  value: string;
  change?: (text: string) => void;
  label: string;
  placeholder?: string;
  /** What the text may name: `client` or `server_condition`. Read-only texts are not checked. */
  kind?: string;
  report?: (found: CheckReport | null) => void;
  /** It is SQL over a table with these columns. */
  sql?: string[];
  /** What Ctrl-Enter does. */
  run?: () => void;
}

export default function VqlEditor({ value, change, label, placeholder, kind, report, sql, run }: VqlEditorProps) {
  const host = useRef<HTMLDivElement>(null);
  const view = useRef<EditorView>(undefined);
  const now = useRef({ change, report, run });
  // Texts that were handed out and may still come back as `value`, after more has been typed.
  const echoes = useRef<string[]>([]);
  now.current = { change, report, run };
  useEffect(() => {
    const shadow = host.current!.shadowRoot ?? host.current!.attachShadow({ mode: 'open' });
    const editable = !!now.current.change;
    view.current = new EditorView({
      parent: shadow,
      root: shadow,
      state: EditorState.create({
        doc: value,
        extensions: [
          sql ? sqlLanguage : language,
          syntaxHighlighting(colours),
          look,
          EditorView.lineWrapping,
          EditorView.contentAttributes.of({
            'aria-label': label,
            ...(editable ? {} : { tabindex: '0', 'aria-readonly': 'true' }),
          }),
          ...(placeholder ? [hint(placeholder)] : []),
          ...(editable
            ? [
                history(),
                bracketMatching(),
                closeBrackets(),
                autocompletion({ override: [sql ? completeSql(sql) : complete(kind ?? 'client')] }),
                keymap.of([
                  {
                    key: 'Mod-Enter',
                    run: () => {
                      now.current.run?.();
                      return now.current.run !== undefined;
                    },
                  },
                  ...closeBracketsKeymap,
                  ...completionKeymap,
                  ...historyKeymap,
                  ...lintKeymap,
                  ...defaultKeymap,
                ]),
                EditorView.updateListener.of((update) => {
                  if (!update.docChanged) return;
                  const text = update.state.doc.toString();
                  echoes.current = [...echoes.current.slice(-50), text];
                  now.current.change?.(text);
                }),
                ...(kind ? [check(kind, (found) => now.current.report?.(found))] : []),
              ]
            : [EditorState.readOnly.of(true), EditorView.editable.of(false)]),
        ],
      }),
    });
    return () => view.current?.destroy();
    // The editor owns its text from here on; a changed value from outside is set below.
    // eslint-disable-next-line react-hooks/exhaustive-deps
  }, []);
  useEffect(() => {
    const echo = echoes.current.indexOf(value);
    if (echo >= 0) {
      echoes.current = echoes.current.slice(echo + 1);
      return;
    }
    const shown = view.current?.state.doc.toString();
    if (view.current && shown !== value)
      view.current.dispatch({ changes: { from: 0, to: shown!.length, insert: value } });
  }, [value]);
  return <div ref={host} className={`editor ${change ? '' : 'still'}`} data-editor={label} />;
}
