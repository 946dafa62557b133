// Writes src/api/schema.ts from the OpenAPI document of the server. `--check` only says whether it is current.
// openapi-typescript needs the compiler interface of TypeScript 5, which TypeScript 7 no longer has; the
// part of OpenAPI that this document uses is small.

import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const OUT = here('../src/api/schema.ts');

const isNull = (s) => s.type === 'null';
const named = (ref) => ref.split('/').at(-1);
const safe = (name) => (/^[A-Za-z_$][\w$]*$/.test(name) ? name : JSON.stringify(name));
const note = (text, pad) =>
  text
    ? `${pad}/** ${text
        .replace(/\[`([^`]+)`\]/g, '`$1`')
        .replace(/\s*\n\s*/g, ' ')
        .replaceAll('*/', '* /')} */\n`
    : '';

function typeOf(s, pad) {
  if (s === undefined || s === true) return 'unknown';
  if (s.$ref) return named(s.$ref);
  if (s.enum) return s.enum.map((v) => JSON.stringify(v)).join(' | ');
  if (s.const !== undefined) return JSON.stringify(s.const);
  const any = s.oneOf ?? s.anyOf;
  if (any) {
    const types = any.filter((x) => !isNull(x)).map((x) => typeOf(x, pad));
    if (any.some(isNull)) types.push('null');
    return [...new Set(types)].join(' | ');
  }
  if (s.allOf) return s.allOf.map((x) => typeOf(x, pad)).join(' & ');
  if (Array.isArray(s.type)) {
    return s.type.map((type) => (type === 'null' ? 'null' : typeOf({ ...s, type }, pad))).join(' | ');
  }
  if (s.type === 'string') return 'string';
  if (s.type === 'integer' || s.type === 'number') return 'number';
  if (s.type === 'boolean') return 'boolean';
  if (s.type === 'array') {
    const item = typeOf(s.items, pad);
    return /[|&]/.test(item) ? `(${item})[]` : `${item}[]`;
  }
  if (s.properties) {
    const required = new Set(s.required ?? []);
    const fields = Object.entries(s.properties).map(
      ([name, field]) =>
        `${note(field.description, pad + '  ')}${pad}  ${safe(name)}${required.has(name) ? '' : '?'}: ${typeOf(field, pad + '  ')};\n`,
    );
    return `{\n${fields.join('')}${pad}}`;
  }
  if (s.type === 'object' || s.additionalProperties)
    return `Record<string, ${typeOf(s.additionalProperties || undefined, pad)}>`;
  return 'unknown';
}

export function render(document) {
  const out = [
    '// Bodies and answers of the HTTP API. Written by `npm run api-types` from crates/api/openapi.json: do not edit.\n',
  ];
  const schemas = Object.entries(document.components.schemas).sort(([a], [b]) => (a < b ? -1 : 1));
  for (const [name, schema] of schemas)
    out.push(`${note(schema.description, '')}export type ${name} = ${typeOf(schema, '')};\n`);
  return out.join('\n');
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const document = JSON.parse(readFileSync(here('../../crates/api/openapi.json'), 'utf8'));
  const text = render(document);
  if (process.argv.includes('--check')) {
    const same = readFileSync(OUT, 'utf8') === text;
    console.log(
      same
        ? 'src/api/schema.ts is current'
        : 'src/api/schema.ts is behind crates/api/openapi.json: run `npm run api-types`',
    );
    process.exit(same ? 0 : 1);
  }
  writeFileSync(OUT, text);
}
