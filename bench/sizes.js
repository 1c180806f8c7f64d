// SPDX-License-Identifier: MIT
// What a page has to load, gzipped: as the modules lie in web/sdk, and as one file without comments, which is what an
// application's own bundler makes of them (without renaming anything: a minifier goes below that).
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { gzipSync } from 'node:zlib';
import typescript from 'typescript';

/** @param {string | Buffer} content */
const gzipped = (content) => gzipSync(content, { level: 9 }).length;

/** @param {string} source */
function withoutComments(source) {
  const { ScriptTarget, ModuleKind } = typescript;
  const compilerOptions = { removeComments: true, target: ScriptTarget.ES2022, module: ModuleKind.ES2022 };
  return typescript.transpileModule(source, { compilerOptions }).outputText;
}

/** @param {import('./ingest.js').Setup} setup */
export function measureSizes(setup) {
  const sdk = path.join(setup.web, 'sdk');
  const sources = readdirSync(sdk).filter((name) => name.endsWith('.js'))
    .map((name) => readFileSync(path.join(sdk, name), 'utf8'));
  const served = sources.reduce((sum, source) => sum + gzipped(source), 0);
  const bundled = gzipped(sources.map(withoutComments).join('\n'));
  console.log('\n## Sizes, gzip -9\n\n| what | bytes | wanted |\n|---|---|---|');
  console.log(`| engine.wasm | ${gzipped(readFileSync(path.join(sdk, 'engine.wasm')))} | ≤ 32768 |`);
  console.log(`| SDK without UI, one file without comments | ${bundled} | ≤ 25600 |`);
  console.log(`| SDK without UI, ${sources.length} modules as served, comments and all, each alone | ${served} | – |`);
}
