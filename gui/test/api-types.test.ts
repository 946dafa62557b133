import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
// @ts-expect-error a script without types
import { render } from '../scripts/api-types.mjs';

const document = new URL('../../crates/api/openapi.json', import.meta.url);

it('src/api/schema.ts is what the OpenAPI document says', () => {
  const written = readFileSync(new URL('../src/api/schema.ts', import.meta.url), 'utf8');
  expect(written, 'run `npm run api-types`').toBe(render(JSON.parse(readFileSync(document, 'utf8'))));
});
