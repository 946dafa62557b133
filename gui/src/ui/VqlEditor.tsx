// The VQL editor, loaded when one is shown. It lives in a shadow root: there CodeMirror adopts its style sheet as an
// object instead of making a style tag, which the Content-Security-Policy forbids.

import {
  autocompletion,
  closeBrackets,
  closeBracketsKeymap,
  completionKeymap,
  type CompletionContext,
} from '@codemirror/autocomplete';
import { defaultKeymap, history, historyKeymap } from '@codemirror/commands';
import { bracketMatching, HighlightStyle, StreamLanguage, syntaxHighlighting } from '@codemirror/language';
import { linter, lintKeymap, type Diagnostic } from '@codemirror/lint';
import { EditorState } from '@codemirror/state';
import { EditorView, keymap, placeholder as hint } from '@codemirror/view';
import { tags } from '@lezer/highlight';
import { useEffect, useRef } from 'react';
import { checkVql } from '../api/queries';
import type { CheckReport } from '../api/schema';
import { indexOfByte } from '../lib/spans';
import { KEYWORDS, startState, token } from '../lib/vql';

const language = StreamLanguage.define({
  name: 'vql',
  startState,
  token,
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
  '.cm-tooltip-autocomplete ul li[aria-selected]': { backgroundColor: 'var(--select)', color: 'var(--ink)' },
  '.cm-diagnostic': { padding: '4px 10px', fontFamily: 'var(--mantine-font-family)' },
});

// Facts that the default client query brings, and the server's own.
const CONDITION_NAMES = ['rows', 'client', 'OS', 'Architecture', 'Fqdn', 'Platform', 'Labels'];

function complete(kind: string) {
  const options = [
    ...KEYWORDS.map((label) => ({ label, type: 'keyword' })),
    ...(kind === 'server_condition'
      ? CONDITION_NAMES.map((label) => ({ label, type: 'variable' }))
      : [{ label: 'info()', type: 'function' }]),
  ];
  return (context: CompletionContext) => {
    const word = context.matchBefore(/\w+/);
    return word || context.explicit ? { from: word?.from ?? context.pos, options } : null;
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
}

export default function VqlEditor({ value, change, label, placeholder, kind, report }: VqlEditorProps) {
  const host = useRef<HTMLDivElement>(null);
  const view = useRef<EditorView>(undefined);
  const now = useRef({ change, report });
  // Texts that were handed out and may still come back as `value`, after more has been typed.
  const echoes = useRef<string[]>([]);
  now.current = { change, report };
  useEffect(() => {
    const shadow = host.current!.shadowRoot ?? host.current!.attachShadow({ mode: 'open' });
    const editable = !!now.current.change;
    view.current = new EditorView({
      parent: shadow,
      root: shadow,
      state: EditorState.create({
        doc: value,
        extensions: [
          language,
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
                autocompletion({ override: [complete(kind ?? 'client')] }),
                keymap.of([
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
