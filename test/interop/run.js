// SPDX-License-Identifier: MIT
// The run of script/interop: prints docs/interop.md. REELHAUL_BIN is the binary under test, TUSD a tusd (or empty).
// Exit status 1 if anything failed that is promised.
import { spawn, spawnSync } from 'node:child_process';
import crypto from 'node:crypto';
import { once } from 'node:events';
import fs from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import readline from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const MIB = 1024 * 1024;
const root = fileURLToPath(new URL('../..', import.meta.url));
const binary = String(process.env['REELHAUL_BIN']);
const tusd = process.env['TUSD'] ?? '';
const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'reelhaul-interop-'));
process.on('exit', () => fs.rmSync(folder, { recursive: true, force: true }));

/** @typedef {{ child: import('node:child_process').ChildProcess, ended: Promise<unknown[]> }} Running */

/** @param {crypto.BinaryLike} bytes */
const sum = (bytes) => crypto.createHash('sha256').update(bytes).digest('hex');

/** @param {string} name */
const version = (name) => JSON.parse(fs.readFileSync(path.join(root, 'node_modules', name, 'package.json'), 'utf8')).version;

async function freePort() {
    const server = net.createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = /** @type {net.AddressInfo} */ (server.address());
    server.close();
    await once(server, 'close');
    return port;
}

/** @param {string} command @param {string[]} args @returns {Running} */
function run(command, args) {
    const child = spawn(command, args, { stdio: ['ignore', 'ignore', 'ignore'] });
    return { child, ended: once(child, 'close') };
}

/** @param {Running} running */
async function kill({ child, ended }) {
    if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL');
    await ended;
}

/** @param {number} port */
async function listens(port) {
    for (let tries = 0; tries < 200; tries++) {
        const socket = net.connect(port, '127.0.0.1');
        const open = await Promise.race([
            once(socket, 'connect').then(() => true), once(socket, 'error').then(() => false),
        ]).catch(() => false);
        socket.destroy();
        if (open) return;
        await sleep(25);
    }
    throw new Error('the server does not listen');
}

/** All files below a folder that hold bytes of uploads: their sums. @param {string} directory @param {RegExp} notes */
const sumsOf = (directory, notes) => fs.readdirSync(directory, { recursive: true }).map(String)
    .map((name) => path.join(directory, name)).filter((name) => !notes.test(name) && fs.statSync(name).isFile())
    .map((name) => sum(fs.readFileSync(name)));

/** Servers: how they start in a directory on a port, where uploads are made, where their bytes are. */
const servers = [
    {
        name: 'Reelhaul', version: spawnSync(binary, ['--version'], { encoding: 'utf8' }).stdout.trim().split(' ')[1],
        proven: true, notes: /\.json$|catalog|\.sqlite/, path: '/files/',
        start: (/** @type {number} */ port, /** @type {string} */ directory) =>
            run(binary, ['serve', '--listen', `127.0.0.1:${port}`, '--data', directory, '--reserve', '1MiB']),
    },
    ...(tusd ? [{
        name: 'tusd', version: process.env['TUSD_VERSION'], proven: false, notes: /\.(info|lock)$/, path: '/files/',
        start: (/** @type {number} */ port, /** @type {string} */ directory) =>
            run(tusd, ['-host', '127.0.0.1', '-port', String(port), '-upload-dir', directory]),
    }] : []),
    {
        name: '@tus/server', version: version('@tus/server'), proven: false, notes: /\.json$/, path: '/files',
        start: (/** @type {number} */ port, /** @type {string} */ directory) =>
            run(process.execPath, [path.join(root, 'test/server/tus-peer.js'), String(port), directory]),
    },
];

/** Starts a push; resolves to its events, and its end. @param {string[]} args @param {boolean} [input] */
function push(args, input = false) {
    const child = spawn(binary, ['push', '--json', '--set', 'delay_ms=20', '--set', 'delay_ms_max=200', ...args],
        { stdio: [input ? 'pipe' : 'ignore', 'pipe', 'ignore'] });
    /** @type {Record<string, any>[]} */
    const events = [];
    const lines = readline.createInterface({ input: child.stdout });
    lines.on('line', (line) => events.push(JSON.parse(line)));
    return { child, ended: once(child, 'close'), events };
}

/** @param {{ events: Record<string, any>[], ended: Promise<unknown[]> }} pushing @param {number} bytes */
async function acked(pushing, bytes) {
    let over = false;
    void pushing.ended.then(() => (over = true));
    while (!pushing.events.some((event) => event.acked >= bytes)) {
        if (over) throw new Error('it ended too early');
        await sleep(5);
    }
}

/** @param {unknown} condition @param {string} what */
function check(condition, what) {
    if (!condition) throw new Error(what);
}

/**
 * What is tried with each server. A step returns what is worth telling.
 * @param {typeof servers[number]} server
 */
async function stepsOf(server) {
    const port = await freePort();
    const data = path.join(folder, `data-${port}`);
    const spool = path.join(folder, `spool-${port}`);
    fs.mkdirSync(data);
    const to = `http://127.0.0.1:${port}${server.path}`;
    const want = server.proven ? 0 : 6;
    /** @type {Running | null} */
    let running = null;
    const start = async () => {
        running = server.start(port, data);
        await listens(port);
    };
    const stop = async () => { if (running) await kill(running); };
    /** @param {string} name @param {number} size */
    const make = (name, size) => {
        const bytes = crypto.randomBytes(size);
        fs.writeFileSync(path.join(folder, name), bytes);
        return { file: path.join(folder, name), sum: sum(bytes) };
    };
    const flags = ['--to', to, '--protocol', 'tus', '--spool', spool];
    /** @param {string[]} args @param {number} [status] */
    const all = async (args, status = want) => {
        const pushing = push(args);
        const [code] = await pushing.ended;
        check(code === status, `exit status ${code}, not ${status}: ${JSON.stringify(pushing.events.slice(-2))}`);
        return pushing;
    };
    /** @param {string} expected */
    const there = (expected) => check(sumsOf(data, server.notes).includes(expected), 'other bytes are there than were sent');
    /** @param {'push' | 'server' | 'both'} who */
    const cut = async (who) => {
        const { file, sum: expected } = make(`${who}.bin`, 24 * MIB);
        let pushing = push([...flags, '--limit', '5M', '--set', 'part_bytes=131072', file]);
        let began = Date.now();
        for (const mark of [4, 14]) {
            await acked(pushing, mark * MIB);
            if (who !== 'server') await kill(pushing);
            if (who !== 'push') await stop();
            began = Date.now();
            if (who !== 'push') await start();
            if (who !== 'server') pushing = push(['--spool', spool, '--limit', '5M', '--set', 'part_bytes=131072']);
        }
        const [code] = await pushing.ended;
        check(code === want, `exit status ${code}`);
        there(expected);
        return `cut twice, went on; ${((Date.now() - began) / 1000).toFixed(1)} s after the last`;
    };
    const steps = {
        'a file of 64 MiB': async () => {
            const { file, sum: expected } = make('large.bin', 64 * MIB);
            const done = (await all([...flags, file])).events.find((event) => event.state === 'completed');
            there(expected);
            return String(done?.trust); // how fast is measured by bench/peers.js: one run among others says nothing
        },
        'an empty file': async () => {
            const done = (await all([...flags, make('empty.bin', 0).file])).events.find((event) => event.state === 'completed');
            return String(done?.trust);
        },
        'six files, three at a time': async () => {
            const files = Array.from({ length: 6 }, (_, i) => make(`many${i}.bin`, 3 * MIB + i));
            await all([...flags, '--parallel', '3', ...files.map(({ file }) => file)]);
            files.forEach(({ sum: expected }) => there(expected));
            return '';
        },
        'standard input that grows': async () => {
            const bytes = crypto.randomBytes(5 * MIB + 1);
            const pushing = push([...flags, '--trust-server', '-'], true);
            pushing.child.stdin?.write(bytes.subarray(0, 3 * MIB));
            await acked(pushing, 2 * MIB);
            pushing.child.stdin?.end(bytes.subarray(3 * MIB));
            const [code] = await pushing.ended;
            check(code === 0, `exit status ${code}`);
            there(sum(bytes));
            return 'sent while it grew';
        },
        'the sender killed (kill -9)': () => cut('push'),
        'the server killed (kill -9)': () => cut('server'),
        'both killed (kill -9)': () => cut('both'),
        'given up (--cancel)': async () => {
            const { file } = make('cancelled.bin', 8 * MIB);
            const pushing = push([...flags, '--limit', '1M', file]);
            await acked(pushing, 1);
            await kill(pushing);
            const id = pushing.events[0]?.['id'];
            await push(['--spool', spool, '--cancel', String(id)]).ended;
            const left = fs.readdirSync(path.join(spool, 'uploads'));
            check(left.length === 0, 'it is still in the spool');
            return '';
        },
    };
    return { steps, start, stop };
}

let broken = 0;
/** @type {Map<string, string[]>} */
const rows = new Map();
for (const server of servers) {
    const { steps, start, stop } = await stepsOf(server);
    await start();
    for (const [name, step] of Object.entries(steps)) {
        let cell = '';
        try {
            const told = await step();
            cell = told ? `yes: ${told}` : 'yes';
        } catch (error) {
            broken++;
            cell = `**no**: ${error instanceof Error ? error.message : error}`;
        }
        process.stderr.write(`${server.name}: ${name}: ${cell}\n`);
        rows.set(name, [...(rows.get(name) ?? []), cell]);
    }
    await stop();
}

/** What a program says of its version: the first number in it; empty where it is not there. @param {string} program */
const programVersion = (program) => /[\d.]+\d/.exec(spawnSync(program, ['--version'], { encoding: 'utf8' }).stdout ?? '')?.[0] ?? '';

const curl = `curl ${programVersion('curl')}`;
const chromium = process.env['CHROMIUM'] ?? '/usr/bin/chromium';
const inChromium = `in Chromium ${programVersion(chromium)}`;

/**
 * Tests of other people's clients against our server: file below test/ → what it is about, and which of its tests, if
 * not all.
 * @type {[string, string, RegExp?][]}
 */
const clients = [
    ['server/tus-client.test.js', `tus-js-client ${version('tus-js-client')}`],
    ['browser/uppy.test.js', `Uppy (@uppy/core ${version('@uppy/core')}, @uppy/tus ${version('@uppy/tus')}), ${inChromium}`],
    ['browser/filepond.test.js', `FilePond ${version('filepond')}, ${inChromium}`],
    ['server/upchunk.test.js', `@mux/upchunk ${version('@mux/upchunk')}`],
    ['server/api-doc.test.js', `${curl}: every example of docs/api.md`, /examples/],
    ['server/walkthrough.test.js', `${curl}: the sessions API`, /curl/],
    ['server/h2.test.js', `HTTP/2: ${curl}${programVersion('h2load') && `, h2load ${programVersion('h2load')}`}, node:http2`],
    ['server/push-tus.test.js', `reelhaul push, and @tus/server ${version('@tus/server')}`],
];

/** @param {string} file @param {RegExp} [wanted] */
function testsOf(file, wanted) {
    if (file.startsWith('browser/') && !fs.existsSync(chromium)) return null;
    const ran = spawnSync(process.execPath, ['--test', '--test-reporter=tap', path.join(root, 'test', file)],
        { encoding: 'utf8', env: { ...process.env, REELHAUL_BIN: binary } });
    // One level down is where tests have their names; of a test without parts it is the test itself.
    const found = ran.stdout.split('\n').map((line) => /^( {4})?(not )?ok \d+ - (.*?)( # (?!time).*)?$/.exec(line))
        .filter((each) => each !== null)
        .map((each) => ({ part: Boolean(each[1]), fine: !each[2], name: String(each[3]).replaceAll('\\#', '#'), note: each[4] ?? '' }))
        .filter(({ name }) => wanted?.test(name) ?? true);
    return found.length ? found : [{ part: false, fine: false, name: `no test of ${file} ran`, note: '' }];
}

const line = (/** @type {string[]} */ cells) => `| ${cells.join(' | ')} |`;
const page = [
    '# Interoperability', '',
    'Made by `script/interop`; do not edit. Each cell is what a run did: files are compared by SHA-256 with what was sent.', '',
    `Reelhaul ${servers[0]?.version}, Node ${process.versions.node}, ${os.type()} ${os.release().split('-')[0]}, ${new Date().toISOString().slice(0, 10)}.`, '',
    '## `reelhaul push --protocol tus` against servers', '',
    '*proven*: a receipt of the server was compared with what was sent. *stored*: the server said so when it was asked; such',
    'uploads end with exit status 6, and what exists nowhere else is kept. Speed is measured by `bench/peers.js`.', '',
    line(['', ...servers.map((server) => `${server.name} ${server.version}`)]),
    line(['---', ...servers.map(() => '---')]),
    ...[...rows].map(([name, cells]) => line([name, ...cells])), '',
    ...(tusd ? [] : ['tusd: not run, because there is neither a tusd nor Go on this machine.', '']),
    '## Other clients against `reelhaul serve`', '',
    'The tests below `test/server/` and `test/browser/`, in which these clients are used as their authors ship them. UpChunk runs',
    'in Node, where what it needs of a browser is stood in for. Which public suites were run by hand is in',
    '[internals/api.md](internals/api.md#suites-of-others).', '',
];
for (const [file, about, wanted] of clients) {
    page.push(`### ${about}`, '');
    const tests = testsOf(file, wanted);
    if (!tests) page.push('Not run, because there is no Chromium on this machine.');
    // Tests come behind their parts; the page has them before.
    /** @type {string[]} */
    let parts = [];
    for (const { part, fine, name, note } of tests ?? []) {
        broken += fine ? 0 : 1;
        const skipped = / # SKIP ?(.*)/.exec(note)?.[1];
        const word = skipped !== undefined ? `not run (${skipped})` : fine ? 'yes' : '**no**';
        process.stderr.write(`${about}: ${name}: ${word}\n`);
        const text = `- ${word}: ${name}`;
        if (part) parts.push(`  ${text}`);
        else page.push(text, ...parts.splice(0));
    }
    page.push(...parts, '');
}
process.stdout.write(page.join('\n'));
process.exit(broken === 0 ? 0 : 1);
