// SPDX-License-Identifier: MIT
// Certificates for tests, made when they are needed, and raw connections through TLS.
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import tls from 'node:tls';

/** Runs openssl. @param {string[]} args */
const openssl = (...args) => execFileSync('openssl', args, { stdio: 'ignore' });

/**
 * A self-signed certificate for localhost and 127.0.0.1 in a directory: { cert, key } are files. Negative days:
 * it has expired.
 * @param {string} directory @param {{name?: string, days?: number}} [options]
 */
export function makeCertificate(directory, { name = 'one', days = 30 } = {}) {
    const file = (/** @type {string} */ kind) => path.join(directory, `${name}.${kind}`);
    fs.writeFileSync(file('names'), 'subjectAltName=DNS:localhost,IP:127.0.0.1\n');
    openssl('req', '-new', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', file('key'),
        '-out', file('request'), '-subj', `/CN=${name}`);
    openssl('x509', '-req', '-in', file('request'), '-signkey', file('key'), '-days', String(days),
        '-extfile', file('names'), '-out', file('pem'));
    return { cert: file('pem'), key: file('key') };
}

/** A handshake's outcome: { socket } when it is open, or { error }. */
export function shake(server, options = {}) {
    return new Promise((resolve) => {
        const socket = tls.connect({ host: '127.0.0.1', port: server.port, ca: server.ca, ...options });
        socket.once('secureConnect', () => resolve({ socket }));
        socket.once('error', (error) => resolve({ error }));
    });
}

/** All that comes until the peer ends: { text, error }. */
export function readAll(socket) {
    const read = { text: '', error: null };
    socket.on('data', (data) => (read.text += data.toString('latin1')));
    socket.on('error', (error) => (read.error = error));
    return new Promise((resolve) => { socket.once('close', () => resolve(read)); });
}
