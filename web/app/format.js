/* SPDX-License-Identifier: MIT */
/** Numbers for people. @module */

/** Minutes and seconds, as on a camera. @param {number} ms @returns {string} */
export function clock(ms) {
    const seconds_total = Math.max(0, Math.floor(ms / 1000));
    const hours = Math.floor(seconds_total / 3600);
    const minutes = Math.floor((seconds_total % 3600) / 60);
    const seconds = String(seconds_total % 60).padStart(2, '0');
    if (hours > 0) return `${hours}:${String(minutes).padStart(2, '0')}:${seconds}`;
    return `${minutes}:${seconds}`;
}

/** A rough duration in words. @param {number} ms @returns {string} */
export function roughly(ms) {
    const seconds = Math.max(1, Math.round(ms / 1000));
    if (seconds < 90) return `${seconds} s`;
    return `${Math.round(seconds / 60)} min`;
}

/** @param {number} bytes @returns {string} */
export function size(bytes) {
    if (bytes < 1000) return `${bytes} B`;
    if (bytes < 1e6) return `${Math.round(bytes / 1e3)} kB`;
    if (bytes < 1e9) return `${(bytes / 1e6).toFixed(1)} MB`;
    return `${(bytes / 1e9).toFixed(2)} GB`;
}
