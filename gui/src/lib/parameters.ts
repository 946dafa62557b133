// How a parameter's text is edited: which kind of field, and what the text means.

import type { ParameterView } from '../api/schema';

export type FieldKind =
  'switch' | 'number' | 'choice' | 'choices' | 'time' | 'long' | 'secret' | 'pattern' | 'text' | 'none';

const LONG = new Set([
  'csv',
  'json',
  'json_array',
  'regex_array',
  'yaml',
  'xml',
  'yara',
  'artifactset',
  'starlark',
  'upload',
  'upload_file',
]);

export function fieldKind(p: ParameterView): FieldKind {
  if (p.kind === 'hidden') return 'none';
  if (p.kind === 'bool') return 'switch';
  if (p.kind === 'multichoice') return 'choices';
  if (p.choices.length > 0) return 'choice';
  if (/^(int|int64|integer|float)$/.test(p.kind)) return 'number';
  if (p.kind === 'timestamp') return 'time';
  if (p.kind === 'redacted') return 'secret';
  if (LONG.has(p.kind) || p.default.includes('\n')) return 'long';
  if (p.kind === 'regex' || p.kind === 'glob') return 'pattern';
  return 'text';
}

/** What the artifact takes for true. */
export const isTrue = (text: string) => /^(y|true|yes|ok)$/i.test(text.trim());

/** A JSON list of texts; nothing for other texts. */
export function readList(text: string): string[] {
  try {
    const value: unknown = JSON.parse(text);
    return Array.isArray(value) ? value.map(String) : [];
  } catch {
    return [];
  }
}

/** The moment as the browser's field wants it, in UTC; empty when it is not one. */
export function timeField(text: string): string {
  if (!text) return '';
  const at = /^\d+$/.test(text) ? new Date(Number(text) * 1000) : new Date(text);
  return Number.isNaN(at.getTime()) ? '' : at.toISOString().slice(0, 19);
}

/** Only what differs from the defaults travels. */
export function given(values: Record<string, string>, parameters: ParameterView[]): Record<string, string> {
  const out: Record<string, string> = {};
  for (const p of parameters) {
    const value = values[p.name];
    if (value !== undefined && value !== p.default) out[p.name] = value;
  }
  return out;
}

/** The parameter that a problem is about, from `artifacts[0].parameters.glob`, `parameters.glob` or `glob`. */
export function problemParameter(field: string, names: string[]): string | null {
  const last = field.includes('parameters.')
    ? field.slice(field.lastIndexOf('parameters.') + 'parameters.'.length)
    : field;
  return names.includes(last) ? last : null;
}
