// SPDX-License-Identifier: MIT
// Processes under measurement: started, watched through /proc, ended by their id.
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { once } from 'node:events';
import path from 'node:path';

const TICKS_PER_SECOND = 100; // sysconf(_SC_CLK_TCK) on every Linux that Debian runs on

/** A directory for one measurement, on the file system that is measured. @param {string} below */
export function scratch(below) {
  return mkdtempSync(path.join(below, 'reelhaul-bench-'));
}

/** @param {string} directory */
export function discard(directory) {
  rmSync(directory, { recursive: true, force: true });
}

/** User and system time so far. @param {number} pid @returns {number} seconds */
export function cpuSeconds(pid) {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
}

/** Memory that only this process has (RSS minus pages shared with others). @param {number} pid @returns {number} bytes */
export function privateBytes(pid) {
  const rollup = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8');
  let kib = 0;
  for (const match of rollup.matchAll(/^Private_(?:Clean|Dirty):\s+(\d+) kB/gm)) kib += Number(match[1]);
  return kib * 1024;
}

/** The most memory it ever had resident. @param {number} pid @returns {number} bytes */
export function peakBytes(pid) {
  const found = /^VmHWM:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'));
  return Number(found?.[1]) * 1024;
}

/** @typedef {{pid: number, port: number, stop: () => Promise<void>}} Listening */

/**
 * Starts a process whose first lines say the port it listens on.
 * @param {string} command @param {string[]} args @param {RegExp} port first group: the port
 * @param {Record<string, string>} [environment] besides this one's
 * @returns {Promise<Listening>}
 */
export async function listening(command, args, port, environment = {}) {
  const child = spawn(command, args, { stdio: ['pipe', 'pipe', 'ignore'], env: { ...process.env, ...environment } });
  const found = await new Promise((resolve, reject) => {
    let text = '';
    child.once('exit', (code) => reject(new Error(`${command} ended with ${code} before it listened`)));
    child.stdout.on('data', (bytes) => {
      text += bytes;
      const match = port.exec(text);
      if (match) resolve(Number(match[1]));
    });
  });
  child.removeAllListeners('exit');
  child.on('exit', (code, signal) => {
    if (code !== 0 && signal !== 'SIGTERM') throw new Error(`${command} ended with ${code ?? signal} while measured`);
  });
  return {
    pid: /** @type {number} */ (child.pid),
    port: /** @type {number} */ (found),
    async stop() {
      const ended = once(child, 'exit');
      child.stdin.end();
      child.kill('SIGTERM');
      await ended;
    },
  };
}

/** Runs to the end and gives its output. @param {string} command @param {string[]} args @returns {Promise<string>} */
export async function output(command, args) {
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  let text = '';
  child.stdout.on('data', (bytes) => { text += bytes; });
  const [code] = await once(child, 'close');
  if (code !== 0) throw new Error(`${command} ${args.join(' ')} ended with ${code}`);
  return text;
}
