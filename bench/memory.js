// SPDX-License-Identifier: MIT
// Private memory of the server per connection that idles, and per upload that trickles.
import { mkdirSync } from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { discard, listening, privateBytes, scratch } from './process.js';

const CONNECTIONS = 1000;

/** @typedef {(port: number, ready: () => void) => net.Socket} Connect */

/** @type {Connect} */
const plain = (port, ready) => net.connect(port, '127.0.0.1', ready);

/** @param {number} port @param {string} text @param {(answer: string) => boolean} enough @param {Connect} [connect]
 * @returns {Promise<{socket: net.Socket, answer: string}>} */
function exchange(port, text, enough, connect = plain) {
  return new Promise((resolve, reject) => {
    const socket = connect(port, () => socket.write(text));
    let answer = '';
    socket.on('error', reject);
    socket.on('data', (bytes) => {
      answer += bytes;
      if (enough(answer)) resolve({ socket, answer });
    });
  });
}

/** A connection that asked once and stays. @param {number} port */
async function idle(port) {
  const { socket } = await exchange(port, `GET /health HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\n\r\n`, (answer) => answer.includes('}'));
  return socket;
}

/** An upload of which 64 KiB of a 1 MiB part came, and no more for now. @param {number} port @param {Connect} [connect] */
export async function slow(port, connect = plain) {
  const body = '{"mime_type":"video/webm","size":1048576}';
  const made = await exchange(port, `POST /api/v1/videos/init HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nContent-Type: application/json\r\n`
    + `Content-Length: ${body.length}\r\n\r\n${body}`, (answer) => /\r\n\r\n.*}/s.test(answer), connect);
  const id = /\r\nreelhaul-upload: ([^\r]+)/i.exec(made.answer)?.[1];
  if (!id) throw new Error(`no upload id in ${made.answer}`);
  made.socket.write(`POST /api/v1/videos/chunk HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nContent-Type: application/octet-stream\r\n`
    + `Reelhaul-Upload: ${id}\r\nReelhaul-Offset: 0\r\nReelhaul-Length: 1048576\r\nContent-Length: 1048576\r\n\r\n`);
  made.socket.write(Buffer.alloc(64 << 10, 7));
  return made.socket;
}

/** @param {import('./loaded.js').Setup} setup @param {(port: number) => Promise<net.Socket>} open @returns {Promise<number>} */
async function perConnection(setup, open) {
  const directory = scratch(setup.scratch);
  const data = path.join(directory, 'data');
  mkdirSync(data);
  const server = await listening(setup.server, [
    'serve', '--listen', '127.0.0.1:0', '--data', data, '--web', setup.web, '--reserve', '1MiB', '--log-level', 'error',
    '--max-connections', String(CONNECTIONS + 100),
  ], /http:\/\/127\.0\.0\.1:(\d+)/);
  (await open(server.port)).destroy(); // what is made once, on first use, is not a connection's
  await settled(server.pid);
  const before = privateBytes(server.pid);
  const sockets = [];
  for (let i = 0; i < CONNECTIONS; i++) sockets.push(await open(server.port));
  await settled(server.pid);
  const bytes = (privateBytes(server.pid) - before) / CONNECTIONS;
  for (const socket of sockets) socket.destroy();
  await server.stop();
  discard(directory);
  return bytes;
}

/** Waits until memory stops moving. @param {number} pid */
export async function settled(pid) {
  for (let last = -1, now = privateBytes(pid); last !== now; last = now, now = privateBytes(pid)) {
    await new Promise((resolve) => { setTimeout(resolve, 300); });
  }
}

/** @param {import('./loaded.js').Setup} setup */
export async function measureMemory(setup) {
  console.log(`\n## Memory of the server, private, ${CONNECTIONS} connections\n\n| what | KiB each |\n|---|---|`);
  console.log(`| idle keep-alive connection | ${(await perConnection(setup, idle) / 1024).toFixed(1)} |`);
  console.log(`| slow upload (64 KiB of a 1 MiB part came) | ${(await perConnection(setup, (port) => slow(port)) / 1024).toFixed(1)} |`);
}
