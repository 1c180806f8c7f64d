/* SPDX-License-Identifier: MIT */
/**
 * The same events give the same actions natively and in wasm, byte for byte. make_trace writes
 * what the native engine did in a storm (faults, crashes, replays); the wasm engine gets the same
 * events. REELHAUL_BUILD names the build folder, else the usual ones are looked through.
 */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Reader, readCounters } from '../../web/sdk/brain-codec.js';
import { Brain, decodeAction } from '../../web/sdk/brain.js';

const root = fileURLToPath(new URL('../..', import.meta.url));
const TOOL = 'test/unit/engine/make_trace';
const WASM = 'src/wire/engine.wasm';

function buildFolder() {
    const folders = process.env['REELHAUL_BUILD'] ? [process.env['REELHAUL_BUILD']]
        : ['asan', 'release', 'clang', 'debug'].map((kind) => path.join(root, 'build', kind));
    const has = (/** @type {string} */ folder, /** @type {string} */ file) =>
        existsSync(path.join(folder, file));
    const found = folders.find((folder) => has(folder, TOOL) && has(folder, WASM));
    if (!found) throw new Error('No make_trace and engine.wasm: run script/build asan.');
    return found;
}

/** @param {Buffer} file @returns {Generator<{tag: string, bytes: Buffer}>} */
function* frames(file) {
    for (let at = 0; at < file.length;) {
        const size = file.readUInt32LE(at + 1);
        const bytes = file.subarray(at + 5, at + 5 + size);
        yield { tag: String.fromCharCode(file[at] ?? 0), bytes };
        at += 5 + size;
    }
}

/** @param {WebAssembly.Module} module @param {string} text @returns {Promise<Brain>} */
async function engine(module, text) {
    const lines = text.trim().split('\n').map((line) => line.split('='));
    const { policy, seed, ...fields } = Object.fromEntries(lines);
    const numbers = Object.entries(fields).map(([name, value]) => [name, Number(value)]);
    const overrides = Object.fromEntries(numbers);
    return Brain.load({ module, policy, overrides, seed: BigInt(seed) });
}

/**
 * Runs the trace; returns how much there was.
 * @param {Buffer} file
 * @param {WebAssembly.Module} module
 */
async function replay(file, module) {
    /** @type {Brain|null} */
    let brain = null;
    const seen = { events: 0, actions: 0, engines: 0, counters: 0 };
    /** @type {Set<string>} */
    const kinds = new Set();
    for (const { tag, bytes } of frames(file)) {
        if (tag !== 'A' && brain) assert.equal(brain.nextCode(), null, 'wasm wants to do more');
        if (tag === 'N') {
            brain = await engine(module, bytes.toString());
            seen.engines++;
        } else if (tag === 'E') {
            brain?.tellCode(bytes);
            seen.events++;
        } else if (tag === 'C') {
            const counters = readCounters(new Reader(new Uint8Array(bytes)));
            assert.deepEqual(brain?.counters(), counters);
            assert.ok(counters.completed > 0 && counters.all.sentBytes > 0, 'something was counted');
            seen.counters++;
        } else {
            const got = brain?.nextCode() ?? new Uint8Array();
            if (Buffer.compare(got, bytes) !== 0) {
                /** @param {Uint8Array} b */
                const show = (b) => (b.length > 0 ? decodeAction(b) : null);
                assert.deepEqual(show(got), show(new Uint8Array(bytes)), `action ${seen.actions}`);
                assert.fail(`action ${seen.actions} differs in its bytes`);
            }
            kinds.add(decodeAction(got).type);
            seen.actions++;
        }
    }
    return { ...seen, kinds };
}

for (const [policy, seed] of /** @type {[string, number][]} */ ([
    ['never-give-up', 1003], ['sequential', 1007], ['live', 1012], ['patient', 1019],
    ['live', 1031], ['never-give-up', 1055], ['bulk', 1065],
])) {
    test(`native and wasm agree: ${policy}, seed ${seed}`, async () => {
        const folder = buildFolder();
        const module = await WebAssembly.compile(await readFile(path.join(folder, WASM)));
        const file = execFileSync(path.join(folder, TOOL), [String(seed), policy, '30'],
            { maxBuffer: 1 << 28, stdio: ['ignore', 'pipe', 'ignore'] });
        const { events, actions, counters, kinds } = await replay(file, module);
        assert.ok(events > 500 && actions > 500, `a trace worth comparing: ${events} events`);
        assert.equal(counters, 1);
        const expected = ['send', 'persist', 'notify', 'wake_at', 'forget', 'notify_queue'];
        for (const kind of expected) assert.ok(kinds.has(kind), kind);
    });
}

test('a difference is seen', async () => {
    const folder = buildFolder();
    const module = await WebAssembly.compile(await readFile(path.join(folder, WASM)));
    const file = execFileSync(path.join(folder, TOOL), ['1003', 'live', '5'],
        { maxBuffer: 1 << 28, stdio: ['ignore', 'pipe', 'ignore'] });
    const text = 'part_bytes=16384';
    const at = file.indexOf(text);
    assert.ok(at > 0);
    file.write('part_bytes=16380', at);
    await assert.rejects(replay(file, module));
});
