/* SPDX-License-Identifier: MIT */
/** Camera and microphone: open them, list them, and say in words what went wrong. @module */
import { strings } from './strings.js';

/** @typedef {{title: string, help: string[]}} Explanation */
/** @typedef {{stream: MediaStream, withoutSound: boolean}} Opened */

/** A failure to open the camera, with what to do about it. */
export class DeviceError extends Error {
    /** @param {Explanation} explanation @param {unknown} cause */
    constructor(explanation, cause) {
        super(explanation.title, { cause });
        this.explanation = explanation;
    }
}

/** @param {unknown} error @returns {Explanation} */
export function explain(error) {
    const words = strings.mediaError;
    const { name = '', message = '' } = error instanceof Error ? error : {};
    switch (name) {
    case 'NotAllowedError':
    case 'PermissionDeniedError':
        return /system/i.test(message) ? words.deniedBySystem : words.denied;
    case 'NotFoundError':
    case 'DevicesNotFoundError':
        return words.notFound;
    case 'NotReadableError':
    case 'TrackStartError':
    case 'AbortError':
        return words.inUse;
    case 'SecurityError':
        return words.insecure;
    default:
        return words.other;
    }
}

/** @param {string} id */
const exactly = (id) => (id ? { deviceId: { exact: id } } : {});

/**
 * Opens the chosen devices, or the default ones where they are gone.
 * @param {{cameraId: string, microphoneId: string}} wanted @returns {Promise<Opened>}
 * @throws {DeviceError}
 */
export async function openDevices(wanted) {
    if (!navigator.mediaDevices?.getUserMedia) {
        const words = strings.mediaError;
        throw new DeviceError(window.isSecureContext ? words.unsupported : words.insecure, null);
    }
    const video = { width: { ideal: 1280 }, height: { ideal: 720 }, frameRate: { ideal: 30 },
        facingMode: 'user' };
    const audio = { echoCancellation: true, noiseSuppression: true };
    const attempts = [
        { video: { ...video, ...exactly(wanted.cameraId) },
            audio: { ...audio, ...exactly(wanted.microphoneId) } },
        { video, audio },
        { video, audio: false },
    ];
    /** @type {unknown} */
    let failure = null;
    for (const constraints of attempts) {
        try {
            const stream = await navigator.mediaDevices.getUserMedia(constraints);
            return { stream, withoutSound: stream.getAudioTracks().length === 0 };
        } catch (error) {
            failure ??= error;
            /* Only a missing device is worth another constraint; a refusal would only ask twice. */
            const name = error instanceof Error ? error.name : '';
            if (name !== 'OverconstrainedError' && name !== 'NotFoundError') {
                throw new DeviceError(explain(error), error);
            }
            failure = error;
        }
    }
    throw new DeviceError(explain(failure), failure);
}

/** @param {MediaStream|null} stream */
export function closeDevices(stream) {
    stream?.getTracks().forEach((track) => track.stop());
}

/** @param {MediaDeviceKind} kind @returns {Promise<{id: string, label: string}[]>} */
export async function listDevices(kind) {
    const all = await navigator.mediaDevices.enumerateDevices();
    const unnamed = kind === 'videoinput' ? strings.devices.unnamedCamera
        : strings.devices.unnamedMicrophone;
    return all.filter((device) => device.kind === kind && device.deviceId !== '')
        .map((device, index) => ({ id: device.deviceId, label: device.label || unnamed(index + 1) }));
}

/** What the server should know about the equipment, in the words of its metadata API.
 * @param {MediaStream} stream @returns {Record<string, string|number>} */
export function equipmentOf(stream) {
    const track = stream.getVideoTracks()[0];
    const settings = track?.getSettings() ?? {};
    /** @type {Record<string, string|number>} */
    const facts = { browser: navigator.userAgent, timestamp: new Date().toISOString() };
    if (settings.width && settings.height) facts.resolution = `${settings.width}x${settings.height}`;
    if (settings.frameRate) facts.frame_rate = Math.round(settings.frameRate);
    if (track?.label) facts.camera_model = track.label;
    return facts;
}
