// SPDX-License-Identifier: MIT
// Starts the real binary on a free port of the loopback, with a data directory of its own.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const top = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../..');

/** The binary under test: REELHAUL_BIN, else the sanitized build, else the release build. */
export const binary = (() => {
    if (process.env.REELHAUL_BIN) return path.resolve(process.env.REELHAUL_BIN);
    const found = ['build/asan/reelhaul', 'build/release/reelhaul', 'build/debug/reelhaul']
        .map((name) => path.join(top, name))
        .find((name) => fs.existsSync(name));
    if (!found) throw new Error('No binary: run script/build, or set REELHAUL_BIN.');
    return found;
})();

export const webDirectory = path.join(top, 'web');

/** A temporary directory that goes away with the test. */
export function temporaryDirectory(t) {
    const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'reelhaul-test-'));
    t.after(() => fs.rmSync(directory, { recursive: true, force: true }));
    return directory;
}

/** Runs the binary to its end: { status, stdout, stderr }. For starts that are refused. */
export async function run(args, { env = {}, cwd } = {}) {
    const child = spawn(binary, args, { cwd, env: { ...process.env, ...env } });
    const texts = { stdout: '', stderr: '' };
    child.stdout.on('data', (data) => (texts.stdout += data));
    child.stderr.on('data', (data) => (texts.stderr += data));
    const [status, signal] = await once(child, 'close');
    return { status, signal, ...texts };
}

/**
 * A running server. `data` may be given to start on what another left; with a `certificate` (tls.js)
 * it speaks TLS. Ends with the test; a
 * sanitizer's report, or an exit that nobody asked for, fails it.
 */
export async function startServer(t, { data, port = 0, args = [], env = {}, certificate = null } = {}) {
    const directory = data ?? path.join(temporaryDirectory(t), 'data');
    const child = spawn(
        binary,
        ['serve', '--listen', `127.0.0.1:${port}`, '--data', directory, '--web', webDirectory,
            '--reserve', '1MiB',
            ...(certificate ? ['--tls-cert', certificate.cert, '--tls-key', certificate.key] : []), ...args],
        { env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] },
    );
    const server = {
        child, data: directory, log: '', url: '', host: '', port: 0,
        /** What clients trust, where it speaks TLS. */
        ca: certificate ? fs.readFileSync(certificate.cert) : null,
        /** Resolves to { status, signal } when the process has ended. */
        ended: once(child, 'close').then(([status, signal]) => ({ status, signal })),
        /** Sends a signal and waits for the end. */
        async stop(signal = 'SIGTERM') {
            if (child.exitCode === null && child.signalCode === null) child.kill(signal);
            return server.ended;
        },
        /** Resolves when the log holds a line that matches. */
        async logged(pattern) {
            for (;;) {
                if (pattern.test(server.log)) return;
                await Promise.race([
                    once(child.stderr, 'data'),
                    server.ended.then(() => { throw new Error(`ended, never logged ${pattern}`); }),
                ]);
            }
        },
    };
    child.stderr.on('data', (text) => (server.log += text));
    let said = '';
    for await (const text of child.stdout) {
        said += text;
        const match = /listening on https?:\/\/(127\.0\.0\.1:(\d+))\n/.exec(said);
        if (match && said.includes('Data directory')) {
            server.host = match[1];
            server.port = Number(match[2]);
            server.url = `${certificate ? 'https' : 'http'}://${match[1]}`;
            break;
        }
    }
    if (!server.url) throw new Error(`The server did not start:\n${server.log}`);
    t.after(async () => {
        await server.stop('SIGKILL');
        if (/Sanitizer|runtime error|RH_ASSERT/.test(server.log)) throw new Error(server.log);
    });
    return server;
}

/** A port that is free now, for servers that come back at the same place. */
export async function freePort() {
    const probe = net.createServer().listen(0, '127.0.0.1');
    await once(probe, 'listening');
    const { port } = /** @type {net.AddressInfo} */ (probe.address());
    probe.close();
    await once(probe, 'close');
    return port;
}

/** One request over a connection of its own: { status, headers, text, json(), bytes }. */
export function request(server, method, target, { headers = {}, body, agent } = {}) {
    return new Promise((resolve, reject) => {
        const req = (server.ca ? https : http).request(
            { host: '127.0.0.1', port: server.port, method, path: target, headers, agent: agent ?? false,
                ...(server.ca ? { ca: server.ca } : {}) },
            (response) => {
                const chunks = [];
                response.on('data', (chunk) => chunks.push(chunk));
                response.on('error', reject);
                response.on('end', () => {
                    const bytes = Buffer.concat(chunks);
                    resolve({
                        status: response.statusCode, headers: response.headers, bytes,
                        text: bytes.toString('utf8'),
                        json: () => JSON.parse(bytes.toString('utf8')),
                    });
                });
            },
        );
        req.on('error', reject);
        req.end(body);
    });
}

export function postJson(server, target, value, headers = {}) {
    return request(server, 'POST', target, {
        headers: { 'Content-Type': 'application/json', ...headers },
        body: JSON.stringify(value),
    });
}

/** A raw connection, for what no client library would send. */
export async function connect(server) {
    const socket = net.connect({ host: '127.0.0.1', port: server.port, allowHalfOpen: true });
    await once(socket, 'connect');
    const raw = {
        socket, received: Buffer.alloc(0), ended: false, error: null,
        write: (data) => socket.write(data),
        /** All bytes until the server closes. */
        async all() {
            while (!raw.ended) await raw.changed();
            return raw.received.toString('latin1');
        },
        /** Waits until `count` whole answers with Content-Length (or none) are there. */
        async answers(count) {
            for (;;) {
                const list = parseAnswers(raw.received);
                if (list.length >= count) return list;
                if (raw.ended) {
                    throw new Error(`closed after ${list.length} of ${count} answers: ` +
                        raw.received.toString('latin1'));
                }
                await raw.changed();
            }
        },
        changed: () => new Promise((resolve) => raw.waiters.push(resolve)),
        waiters: [],
    };
    const wake = () => raw.waiters.splice(0).forEach((resolve) => resolve());
    socket.on('data', (data) => {
        raw.received = Buffer.concat([raw.received, data]);
        wake();
    });
    socket.on('error', (error) => (raw.error = error));
    for (const name of ['end', 'close']) {
        socket.on(name, () => {
            raw.ended = true;
            wake();
        });
    }
    return raw;
}

/** Splits received bytes into answers: [{ status, headers, body }]; the last may be missing. */
export function parseAnswers(bytes) {
    const answers = [];
    let rest = bytes;
    for (;;) {
        const end = rest.indexOf('\r\n\r\n');
        if (end < 0) return answers;
        const lines = rest.subarray(0, end).toString('latin1').split('\r\n');
        const status = Number(lines[0].split(' ')[1]);
        const headers = Object.fromEntries(lines.slice(1).map((line) => {
            const colon = line.indexOf(':');
            return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
        }));
        const size = status < 200 ? 0 : Number(headers['content-length'] ?? 0);
        if (rest.length < end + 4 + size) return answers;
        answers.push({ status, headers, body: rest.subarray(end + 4, end + 4 + size).toString('utf8') });
        rest = rest.subarray(end + 4 + size);
    }
}

export function get(target, server, extra = '') {
    return `GET ${target} HTTP/1.1\r\nHost: ${server.host}\r\n${extra}\r\n`;
}

/** Asks until the one video of a session is done: stitching goes on after the last answer. */
export async function finished(server, session) {
    for (;;) {
        const { videos } = (await request(server, 'GET', `/api/session/${session}`)).json();
        if (videos[0]?.state === 'done') return;
        await new Promise((resolve) => setTimeout(resolve, 5));
    }
}
