// SPDX-License-Identifier: MIT
// Private memory of the server per slow upload, with as many of them at once as the machine lets one process hold.
import { once } from 'node:events';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import http2 from 'node:http2';
import path from 'node:path';
import tls from 'node:tls';
import { reelhaul } from './loaded.js';
import { settled, slow } from './memory.js';
import { discard, privateBytes, scratch } from './process.js';

const DESCRIPTORS_BESIDES = 400; // of the server: listeners, catalog, connections of ours that do not count
const AT_ONCE = 64; // handshakes
const CAME_BYTES = 64 << 10; // of each upload
const PATIENCE = ['--read-timeout', '1800s', '--idle-timeout', '1800s', '--header-timeout', '600s'];

/** @typedef {{name: string, tls: boolean, open: (port: number) => Promise<{ended: () => boolean, end: () => void}>}} Kind */

/** @param {import('node:net').Socket} socket */
function held(socket) {
  let over = false;
  for (const event of ['data', 'end', 'close', 'error']) socket.on(event, () => { over = true; });
  return { ended: () => over, end: () => { socket.destroy(); } };
}

/** The same upload as `slow` makes, on a connection of HTTP/2 of its own. @param {number} port */
async function slowH2(port) {
  const session = http2.connect(`https://127.0.0.1:${port}`, { rejectUnauthorized: false });
  await once(session, 'connect');
  const body = '{"mime_type":"video/webm","size":1048576}';
  const init = session.request({ ':method': 'POST', ':path': '/api/v1/videos/init', 'content-type': 'application/json' });
  init.end(body);
  const [answer] = await once(init, 'response');
  init.resume();
  await once(init, 'close');
  const part = session.request({
    ':method': 'POST', ':path': '/api/v1/videos/chunk', 'content-type': 'application/octet-stream', 'content-length': 1048576,
    'reelhaul-upload': answer['reelhaul-upload'], 'reelhaul-offset': 0, 'reelhaul-length': 1048576,
  });
  let over = false;
  for (const event of ['response', 'close', 'error']) part.on(event, () => { over = true; });
  for (const event of ['close', 'error', 'goaway']) session.on(event, () => { over = true; });
  part.write(Buffer.alloc(CAME_BYTES, 7));
  return { ended: () => over, end: () => session.destroy() };
}

/** @param {number} port @param {() => void} ready */
const secure = (port, ready) => tls.connect({ port, host: '127.0.0.1', rejectUnauthorized: false, ALPNProtocols: ['http/1.1'] }, ready);

/** @type {Kind[]} */
const kinds = [
  { name: 'HTTP/1.1', tls: false, open: async (port) => held(await slow(port)) },
  { name: 'HTTP/1.1 with TLS', tls: true, open: async (port) => held(await slow(port, secure)) },
  { name: 'HTTP/2 with TLS, a connection each', tls: true, open: slowH2 },
];

/** How many the descriptors of the server are enough for: a socket and a file each. @param {number} wanted */
function possible(wanted) {
  const limit = /^Max open files\s+\d+\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8'));
  return Math.min(wanted, Math.floor((Number(limit?.[1]) - DESCRIPTORS_BESIDES) / 2));
}

/** Bytes of the uploads that are under way. @param {string} data the server's directory */
function arrived(data) {
  const incoming = path.join(data, 'incoming');
  return readdirSync(incoming).filter((name) => !name.includes('.'))
    .reduce((sum, name) => sum + statSync(path.join(incoming, name)).size, 0);
}

/** @param {import('./loaded.js').Setup} setup @param {Kind} kind @param {number} count */
async function measure(setup, kind, count) {
  const directory = scratch(setup.scratch);
  const server = await reelhaul(setup, { tls: kind.tls }, ['--max-connections', String(count + 50), ...PATIENCE])(directory);
  (await kind.open(server.port)).end(); // what is made once, on first use, is not an upload's
  await settled(server.pid);
  const before = privateBytes(server.pid);
  /** @type {Awaited<ReturnType<Kind['open']>>[]} */
  const uploads = [];
  let begun = 0;
  await Promise.all(Array.from({ length: AT_ONCE }, async () => {
    while (begun++ < count) uploads.push(await kind.open(server.port));
  }));
  const data = path.join(directory, 'data');
  for (let i = 0; arrived(data) < count * CAME_BYTES; i++) {
    if (i === 60) throw new Error(`only ${arrived(data)} bytes of ${count} uploads arrived`);
    await new Promise((resolve) => { setTimeout(resolve, 1000); });
  }
  await settled(server.pid);
  const bytes = (privateBytes(server.pid) - before) / count;
  const dropped = uploads.filter((upload) => upload.ended()).length;
  for (const upload of uploads) upload.end();
  await server.stop();
  discard(directory);
  return { bytes, dropped };
}

/** @param {import('./loaded.js').Setup} setup @param {number} wanted */
export async function measureHeld(setup, wanted) {
  const count = possible(wanted);
  console.log(`\n## Held uploads: 64 KiB of a 1 MiB part came, ${count} at once\n\n| over | KiB each | dropped |\n|---|---|---|`);
  for (const kind of kinds) {
    const { bytes, dropped } = await measure(setup, kind, count);
    console.log(`| ${kind.name} | ${(bytes / 1024).toFixed(1)} | ${dropped} |`);
  }
}
