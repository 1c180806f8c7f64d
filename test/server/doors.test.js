// SPDX-License-Identifier: MIT
// Who may listen, who may come in, and what the log says about it.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import test from 'node:test';

import { postJson, request, run, startServer, temporaryDirectory } from './server.js';

const token = 'correct-horse-battery-staple';
const bearer = (text) => ({ Authorization: `Bearer ${text}` });

test('refuses to listen beyond loopback, and says how it would', async (t) => {
    const data = path.join(temporaryDirectory(t), 'data');
    const refused = [
        [],
        ['--auth', 'token'],
        ['--behind-proxy'],
    ];
    for (const args of refused) {
        const ended = await run(['serve', '--listen', '0.0.0.0:0', '--data', data, ...args],
            { env: { REELHAUL_TOKEN: token } });
        assert.equal(ended.status, 2, ended.stderr);
        assert.match(ended.stderr, /--auth token --behind-proxy/);
        assert.match(ended.stderr, /--auth open/);
        assert.equal(ended.stdout, '');
        assert.ok(!fs.existsSync(data), 'nothing was made');
    }
});

test('wrong flags end with status 2 and what to do', async () => {
    for (const args of [['--reserve', 'lots'], ['--nothing'], ['--listen', 'x'], ['--auth']]) {
        const ended = await run(['serve', ...args]);
        assert.equal(ended.status, 2);
        assert.match(ended.stderr, new RegExp(`^reelhaul serve: ${args[0]} `));
    }
    const help = await run(['serve', '--help']);
    assert.equal(help.status, 0);
    for (const flag of ['--listen', '--data', '--reserve', '--drain-seconds', '--token-file'])
        assert.ok(help.stdout.includes(flag));
    assert.match((await run(['--version'])).stdout, /^reelhaul \d+\.\d+\.\d+\n$/);
    assert.equal((await run(['--help'])).status, 0);
    assert.equal((await run(['nothing'])).status, 2);
});

test('two servers never share a data directory or a port', async (t) => {
    const server = await startServer(t);
    const second = await run(['serve', '--listen', '127.0.0.1:0', '--data', server.data]);
    assert.equal(second.status, 1);
    assert.match(second.stderr, /Another server \(process \d+\) is using/);
    const other = await run(['serve', '--listen', server.host, '--data', path.join(temporaryDirectory(t), 'd')]);
    assert.equal(other.status, 1);
    assert.match(other.stderr, /Cannot listen on 127\.0\.0\.1:\d+: Address already in use/);
});

test('token mode needs a good token', async (t) => {
    const place = temporaryDirectory(t);
    const args = ['serve', '--listen', '127.0.0.1:0', '--data', path.join(place, 'd'), '--auth', 'token'];
    const none = await run(args, { env: { REELHAUL_TOKEN: undefined } });
    assert.equal(none.status, 2);
    assert.match(none.stderr, /--token-file FILE or set REELHAUL_TOKEN/);
    fs.writeFileSync(path.join(place, 'token'), 'short\n');
    const short = await run([...args, '--token-file', path.join(place, 'token')]);
    assert.equal(short.status, 2);
    assert.doesNotMatch(short.stderr, /short/);
});

test('only known host names', async (t) => {
    const server = await startServer(t, { args: ['--host', 'rec.example.org'] });
    const host = (value) => request(server, 'GET', '/health', { headers: { Host: value } });
    for (const good of [server.host, `localhost:${server.port}`, `[::1]:${server.port}`,
        'rec.example.org', `REC.example.org:${server.port}`])
        assert.equal((await host(good)).status, 200, good);
    for (const bad of ['evil.example', `evil.example:${server.port}`, '127.0.0.1:1',
        `rec.example.org.evil.example:${server.port}`])
        assert.equal((await host(bad)).status, 421, bad);
});

test('only known origins, in open mode too', async (t) => {
    const server = await startServer(t, { args: ['--origin', 'https://app.example.org'] });
    const from = (origin, method = 'GET') => request(server, method, '/health', { headers: { Origin: origin } });
    assert.equal((await from(server.url)).status, 200);
    const known = await from('https://app.example.org');
    assert.equal(known.status, 200);
    assert.equal(known.headers['access-control-allow-origin'], 'https://app.example.org');
    for (const origin of ['https://evil.example', 'null', 'http://app.example.org', `http://localhost:1`]) {
        const answer = await from(origin);
        assert.equal(answer.status, 403, origin);
        assert.equal(answer.headers['access-control-allow-origin'], undefined);
    }
    const preflight = await request(server, 'OPTIONS', '/api/v1/videos/chunk', {
        headers: {
            Origin: 'https://app.example.org', 'Access-Control-Request-Method': 'POST',
            'Access-Control-Request-Headers': 'reelhaul-upload',
        },
    });
    assert.equal(preflight.status, 204);
    assert.match(preflight.headers['access-control-allow-headers'], /Reelhaul-Upload/i);
});

test('roles: nobody, a participant, the operator; and none of it in the log', async (t) => {
    const place = temporaryDirectory(t);
    fs.writeFileSync(path.join(place, 'token'), `${token}\n`);
    const server = await startServer(t, { args: ['--auth', 'token', '--token-file', path.join(place, 'token')] });
    assert.equal((await request(server, 'GET', '/health')).status, 200);
    const nobody = await postJson(server, '/api/session/create', {});
    assert.equal(nobody.status, 401);
    assert.match(nobody.headers['www-authenticate'], /Bearer/);
    assert.equal((await postJson(server, '/api/session/create', {}, bearer(`${token}x`))).status, 401);

    const sessions = [];
    for (const participant_id of ['alice-secret', 'bob-secret'])
        sessions.push((await postJson(server, '/api/session/create', { participant_id }, bearer(token))).json());
    const [alice, bob] = sessions;
    assert.ok(alice.session_token);
    const read = (who, whose) =>
        request(server, 'GET', `/api/session/${whose.session_id}`, { headers: bearer(who) });
    assert.equal((await read(token, alice)).status, 200);
    assert.equal((await read(alice.session_token, alice)).status, 200);
    assert.ok([403, 404].includes((await read(alice.session_token, bob)).status));
    assert.equal((await postJson(server, '/api/session/create', {}, bearer(alice.session_token))).status, 403);

    const values = { mime_type: 'video/webm', video_id: 'v', session_id: alice.session_id };
    const made = await postJson(server, '/api/v1/videos/init', values, bearer(alice.session_token));
    assert.equal(made.status, 201);
    const { upload_id } = made.json();
    const seen = (who) => request(server, 'GET', `/api/v1/videos/${upload_id}`, { headers: bearer(who) });
    assert.equal((await seen(alice.session_token)).status, 200);
    assert.ok([403, 404].includes((await seen(bob.session_token)).status));
    assert.equal((await request(server, 'GET', `/api/v1/videos/${upload_id}?token=${token}`)).status, 401);

    await server.stop();
    for (const secret of [token, alice.session_token, 'alice-secret', alice.session_id, upload_id])
        assert.ok(!server.log.includes(secret), `the log holds ${secret}`);
    assert.match(server.log, /request method=POST route=session_create status=200 in=\d+ out=\d+ ms=\d+\n/);
});

test('anybody may enrol where the operator says so', async (t) => {
    const server = await startServer(t, {
        args: ['--auth', 'token', '--enrol', 'open'], env: { REELHAUL_TOKEN: token },
    });
    const session = await postJson(server, '/api/session/create', {});
    assert.equal(session.status, 200);
    assert.ok(session.json().session_token);
});

test('the log as JSON', async (t) => {
    const server = await startServer(t, { args: ['--log', 'json'] });
    await request(server, 'GET', '/health?participant=alice');
    await server.stop();
    const lines = server.log.trim().split('\n').map((line) => JSON.parse(line));
    const line = lines.find((each) => each.message === 'request');
    assert.equal(line.route, 'health');
    assert.equal(line.status, 200);
    assert.ok(!server.log.includes('alice'));
});
