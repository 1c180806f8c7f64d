// SPDX-License-Identifier: MIT
// `reelhaul watch`: what appears in a folder is sent once, when it is whole, and only what is proven is removed.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';

import { completions, expectAt, fileOf, quick, spooled, startPush } from './push.js';
import { freePort, startServer, temporaryDirectory } from './server.js';
import { makeBytes, sha256 } from './videos.js';

/** A folder to watch, a spool, and a server's place. */
async function stage(t) {
    const folder = temporaryDirectory(t);
    const port = await freePort();
    const place = {
        folder, port, inbox: path.join(folder, 'inbox'), spool: path.join(folder, 'spool'), data: path.join(folder, 'data'),
        serve: () => startServer(t, { port, data: place.data }),
        watch: (...flags) => startPush(t, ['--to', `http://127.0.0.1:${port}`, '--spool', place.spool, ...quick, ...flags, place.inbox],
            { command: 'watch' }),
    };
    fs.mkdirSync(place.inbox);
    return place;
}

const completed = (name) => (event) => event.event === 'state' && event.state === 'completed' && event.name === name;
const list = (folder) => fs.readdirSync(folder).sort();

test('what is there and what appears is sent once, in order, whole', async (t) => {
    const place = await stage(t);
    const server = await place.serve();
    const bytes = { 'a.webm': makeBytes(300000), 'b.webm': makeBytes(1000), 'c.webm': makeBytes(400000) };
    fileOf(place.inbox, 'b.webm', bytes['b.webm']);
    fs.utimesSync(path.join(place.inbox, 'b.webm'), 1000, 1000); // the older one goes first
    fileOf(place.inbox, 'a.webm', bytes['a.webm']);
    fileOf(place.inbox, 'half.webm.part', makeBytes(10));
    fileOf(place.inbox, '.hidden', makeBytes(10));
    fs.mkdirSync(path.join(place.inbox, 'folder'));
    fs.symlinkSync('/etc/hostname', path.join(place.inbox, 'link.webm'));
    const watching = place.watch();
    await watching.event(completed('a.webm'));
    await watching.event(completed('b.webm'));
    assert.deepEqual(watching.events.filter(({ event }) => event === 'queued').map(({ name }) => name), ['b.webm', 'a.webm']);

    // One that is still written to is waited for.
    const slow = fs.openSync(path.join(place.inbox, 'c.webm'), 'w');
    fs.writeSync(slow, bytes['c.webm'].subarray(0, 100000));
    await sleep(1800);
    assert.ok(!watching.events.some(({ name }) => name === 'c.webm'), 'somebody has it open');
    fs.writeSync(slow, bytes['c.webm'].subarray(100000));
    fs.closeSync(slow);
    await watching.event(completed('c.webm'));
    fs.renameSync(path.join(place.inbox, 'half.webm.part'), path.join(place.inbox, 'half.webm'));
    await watching.event(completed('half.webm'));
    assert.deepEqual(await watching.kill('SIGTERM'), { status: 0, signal: null }, watching.said());
    for (const done of completions(watching))
        if (bytes[done.name]) await expectAt(server, done.url, bytes[done.name]);
    assert.deepEqual(list(place.inbox), ['.hidden', 'a.webm', 'b.webm', 'c.webm', 'folder', 'half.webm', 'link.webm']);

    // Another life sends nothing again but what changed.
    fileOf(place.inbox, 'b.webm', makeBytes(2000));
    const again = place.watch();
    await again.event(completed('b.webm'));
    await sleep(500);
    assert.equal((await again.kill('SIGTERM')).status, 0);
    assert.deepEqual(again.events.filter(({ event }) => event === 'queued').map(({ name }) => name), ['b.webm']);
});

test('killed at any moment, it removes what is proven and nothing else', async (t) => {
    const place = await stage(t);
    const bytes = Array.from({ length: 6 }, (_, i) => makeBytes(700000 + i));
    bytes.forEach((each, i) => fileOf(place.inbox, `take${i}.webm`, each));
    const early = place.watch('--remove', '--limit', '1500k');
    await early.event((event) => event.reason === 'the server cannot be reached');
    await early.kill();
    assert.equal(list(place.inbox).length, 6, 'nothing was sent, nothing is removed');
    let server = await place.serve();
    for (let round = 0; round < 3; round++) {
        const watching = place.watch('--remove', '--limit', '1500k');
        await watching.event((event) => event.event === 'state' && event.state === 'completed');
        if (round === 1) {
            await Promise.all([watching.kill(), server.stop('SIGKILL')]);
            server = await place.serve();
        } else {
            await watching.kill();
        }
    }
    const last = place.watch('--remove');
    while (list(place.inbox).length > 0 || (await spooled(place.spool)).length > 0) await sleep(50);
    assert.equal((await last.kill('SIGTERM')).status, 0, last.said());
    const there = fs.readdirSync(path.join(place.data, 'files'), { recursive: true })
        .map((name) => path.join(place.data, 'files', String(name)))
        .filter((name) => fs.statSync(name).isFile() && fs.statSync(name).size > 16384)
        .map((name) => sha256(fs.readFileSync(name))).sort();
    assert.deepEqual(there, bytes.map(sha256).sort(), 'each of them once');
});

test('what changed meanwhile, or is only claimed to be there, stays', async (t) => {
    const place = await stage(t);
    const file = fileOf(place.inbox, 'a.webm', makeBytes(3000000));
    await place.serve();
    const watching = place.watch('--remove', '--limit', '1M');
    await watching.event((event) => event.sent > 0);
    fs.writeFileSync(file, makeBytes(1000)); // written anew under its feet
    await watching.event((event) => event.event === 'state' && event.state === 'failed');
    await watching.event(completed('a.webm')); // the new one
    while (list(place.inbox).length > 0) await sleep(50);
    assert.equal((await watching.kill('SIGTERM')).status, 1, 'one failed');
});
