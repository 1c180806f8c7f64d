// SPDX-License-Identifier: MIT
// The examples of docs/api.md: every block marked `sh` runs in order, and every answer that the
// document shows is one that was given in that section, member by member. What stands for
// something in the document: `…` for anything, `6f1c2b34-…` for a UUID, a date for a date.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { fileURLToPath } from 'node:url';

import { startServer, temporaryDirectory } from './server.js';

const file = fileURLToPath(new URL('../../docs/api.md', import.meta.url));

/** The fenced blocks of the document: [{ kind, text, line, section }]. */
function blocksOf(markdown) {
    const blocks = [];
    let section = '';
    let open = null;
    for (const [index, line] of markdown.split('\n').entries()) {
        const fence = /^```(\w*)$/.exec(line);
        if (fence && open) {
            blocks.push(open);
            open = null;
        } else if (fence) {
            open = { kind: fence[1], text: '', line: index + 2, section };
        } else if (open) {
            open.text += `${line}\n`;
        } else if (line.startsWith('#')) {
            section = line.replace(/^#+ /, '');
        }
    }
    assert.equal(open, null, 'every block is closed');
    return blocks;
}

/** The JSON values in a text, one after another. */
function jsonValues(text) {
    const values = [];
    let gathered = '';
    for (const line of text.split('\n')) {
        gathered += line;
        try {
            values.push(JSON.parse(gathered));
            gathered = '';
        } catch {
            // A value may go on in the next line.
        }
    }
    assert.equal(gathered.trim(), '', 'whole JSON values');
    return values;
}

const uuid = '[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}';
const date = '\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d';

function patternOf(text) {
    const stands = /[0-9a-f]{8}-…|…|\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d/g;
    const escaped = (part) => part.replace(/[.*+?^${}()|[\]\\/]/g, '\\$&');
    let pattern = '';
    let at = 0;
    for (const found of text.matchAll(stands)) {
        pattern += escaped(text.slice(at, found.index));
        pattern += found[0] === '…' ? '.+' : found[0].endsWith('…') ? uuid : date;
        at = found.index + found[0].length;
    }
    return new RegExp(`^${pattern}${escaped(text.slice(at))}$`);
}

/** Whether an answer is the one that the document shows. */
function fits(shown, given) {
    if (typeof shown === 'string') return typeof given === 'string' && patternOf(shown).test(given);
    if (shown === null || typeof shown !== 'object') return shown === given;
    if (given === null || typeof given !== 'object') return false;
    if (Array.isArray(shown) !== Array.isArray(given)) return false;
    const names = Object.keys(shown).sort();
    if (names.join() === '…') return true; // an object with anything in it
    if (names.join() !== Object.keys(given).sort().join()) return false;
    return names.every((name) => fits(shown[name], given[name]));
}

test('an answer with another member, value or type is not the one that is shown', () => {
    const shown = { id: '6f1c2b34-…', at: '2026-01-27T15:30:00', n: 1, url: '/r/…/v.webm', m: { '…': '…' } };
    const given = {
        id: '0d9a5df1-7b5c-4a7e-9c39-1b0f6a1b2c3d', at: '2031-12-01T00:00:00', n: 1, url: '/r/x/v.webm', m: { a: 1 },
    };
    assert.ok(fits(shown, given));
    for (const other of [
        { id: '6f1c2b34-0' }, { at: 'today' }, { n: '1' }, { n: 2 }, { url: '/r/x/vXwebm' }, { m: 'x' }, { more: 1 },
    ]) assert.ok(!fits(shown, { ...given, ...other }), JSON.stringify(other));
    const { n, ...fewer } = given;
    assert.equal(n, 1);
    assert.ok(!fits(shown, fewer));
    assert.deepEqual(jsonValues('{"a": 1}\n{"b":\n 2}\n'), [{ a: 1 }, { b: 2 }]);
});

// Keeps what every curl of the script printed, in order. A function in a pipeline runs in a shell
// of its own, so the count is the number of files.
const prelude = `
set -eu -o pipefail
curl() { command curl "$@" | tee "$KEPT/$BLOCK-$(ls "$KEPT" | wc -l | xargs printf '%03d')"; }
`;

const hasTools = spawnSync('bash', ['-c', 'command -v curl && command -v jq']).status === 0;

test('the examples of docs/api.md', { skip: !hasTools && 'needs curl and jq' }, async (t) => {
    const blocks = blocksOf(fs.readFileSync(file, 'utf8'));
    const examples = blocks.filter((block) => block.kind === 'sh');
    assert.ok(examples.length >= 10, `${examples.length} examples`);
    const server = await startServer(t);
    const place = temporaryDirectory(t);
    const kept = path.join(place, 'kept');
    fs.mkdirSync(kept);
    const script = examples.map(({ text, line }) => `BLOCK=${line}\necho "at line $BLOCK" >&2\n${text}`);
    const ran = spawnSync('bash', ['-c', prelude + script.join('\n')], {
        encoding: 'utf8', cwd: place, timeout: 60000,
        env: { ...process.env, BASE: server.url, KEPT: kept, LC_ALL: 'C' },
    });
    const answers = fs.readdirSync(kept).sort((a, b) => a.split('-')[1].localeCompare(b.split('-')[1]))
        .map((name) => ({ line: Number(name.split('-')[0]), text: fs.readFileSync(path.join(kept, name), 'utf8') }));
    assert.equal(ran.status, 0, `${ran.stderr}${ran.stdout}\n${answers.at(-1)?.text}`);
    assert.ok(answers.length >= examples.length);

    let compared = 0;
    for (const section of new Set(examples.map((each) => each.section))) {
        const lines = examples.filter((each) => each.section === section).map((each) => each.line);
        const given = answers.filter((each) => lines.includes(each.line)).map((each) => each.text);
        for (const block of blocks.filter((each) => each.kind === 'json' && each.section === section)) {
            for (const shown of jsonValues(block.text)) {
                const found = given.some((text) => {
                    try {
                        return fits(shown, JSON.parse(text));
                    } catch {
                        return false; // headers, or a video
                    }
                });
                assert.ok(found, `docs/api.md:${block.line}: ${JSON.stringify(shown)} is none of\n${given.join('\n')}`);
                compared++;
            }
        }
    }
    assert.ok(compared >= 6, `${compared} answers were compared`);
});
