/* SPDX-License-Identifier: MIT */
/**
 * The operator's prompts.json: read, checked, defaults filled in. A mistake is named with its place,
 * because an operator will read it.
 * @module
 */

/** @typedef {object} Prompt
 * @property {string} id
 * @property {string} title
 * @property {string} instructions
 * @property {number} maxSeconds    0 = no limit
 * @property {number} minSeconds    0 = none
 */
/** @typedef {object} UploadConfig  handed to Reelhaul.open()
 * @property {import('../sdk/types.js').Mode} [mode]
 * @property {import('../sdk/types.js').PolicyName} [policy]
 * @property {'until-proven'|'each-part'|'for-good'} [keepLocal]
 */
/** @typedef {object} Config
 * @property {string} title
 * @property {string} intro
 * @property {'ask'|'none'} participant
 * @property {number} countdownSeconds
 * @property {Prompt[]} prompts
 * @property {string[]} accept      consent texts, each a box to tick
 * @property {UploadConfig} upload
 */

const MODES = ['background', 'blocking', 'hybrid', 'auto'];
const POLICIES = ['never-give-up', 'sequential', 'live', 'form', 'patient', 'bulk'];
const KEEP = ['until-proven', 'each-part', 'for-good'];
const COUNTDOWN_SECONDS_DEFAULT = 3;
const COUNTDOWN_SECONDS_MAX = 30;
const PROMPTS_MAX = 100;

export class ConfigError extends Error {}

/** @param {unknown} ok @param {string} message @returns {asserts ok} */
function need(ok, message) {
    if (!ok) throw new ConfigError(message);
}

/** @param {unknown} value @returns {value is Record<string, unknown>} */
function isObject(value) {
    return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** @param {unknown} value @param {string} place @param {number} max @returns {number} */
function seconds(value, place, max) {
    if (value === undefined) return 0;
    need(typeof value === 'number' && Number.isFinite(value) && value >= 0 && value <= max,
        `${place} must be a number of seconds from 0 to ${max}`);
    return value;
}

/** @param {unknown} value @param {number} index @returns {Prompt} */
function parsePrompt(value, index) {
    const place = `prompts[${index}]`;
    need(isObject(value), `${place} must be an object`);
    const { id, title, instructions } = value;
    need(typeof id === 'string' && /^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$/.test(id) && !id.includes('..'),
        `${place}.id must be 1 to 128 letters, digits, "_", "-" or "."`);
    need(typeof title === 'string' && title.trim() !== '', `${place}.title must be a text`);
    need(instructions === undefined || typeof instructions === 'string',
        `${place}.instructions must be a text`);
    const maxSeconds = seconds(value.maxSeconds, `${place}.maxSeconds`, 24 * 3600);
    const minSeconds = seconds(value.minSeconds, `${place}.minSeconds`, 24 * 3600);
    need(maxSeconds === 0 || minSeconds <= maxSeconds, `${place}.minSeconds is above its maxSeconds`);
    return { id, title, instructions: instructions ?? '', maxSeconds, minSeconds };
}

/** @param {unknown} value @returns {string[]} */
function parseAccept(value) {
    if (value === undefined || value === null) return [];
    if (typeof value === 'string') return value.trim() === '' ? [] : [value];
    need(Array.isArray(value) && value.every((text) => typeof text === 'string' && text.trim() !== ''),
        'accept must be a text or a list of texts');
    return value;
}

/** @param {unknown} value @returns {UploadConfig} */
function parseUpload(value) {
    if (value === undefined) return {};
    need(isObject(value), 'upload must be an object');
    const { mode, policy, keepLocal } = /** @type {UploadConfig} */ (value);
    need(mode === undefined || MODES.includes(mode), `upload.mode must be one of ${MODES.join(', ')}`);
    need(policy === undefined || POLICIES.includes(policy),
        `upload.policy must be one of ${POLICIES.join(', ')}`);
    need(keepLocal === undefined || KEEP.includes(keepLocal),
        `upload.keepLocal must be one of ${KEEP.join(', ')}`);
    return { mode, policy, keepLocal };
}

/** @param {unknown} value the parsed JSON @returns {Config} @throws {ConfigError} */
export function parseConfig(value) {
    need(isObject(value), 'it must be an object');
    const { title, intro, participant = 'none', countdownSeconds, prompts } = value;
    need(typeof title === 'string' && title.trim() !== '', 'title must be a text');
    need(intro === undefined || typeof intro === 'string', 'intro must be a text');
    need(participant === 'ask' || participant === 'none', 'participant must be "ask" or "none"');
    need(Array.isArray(prompts) && prompts.length > 0 && prompts.length <= PROMPTS_MAX,
        `prompts must be a list of 1 to ${PROMPTS_MAX} prompts`);
    const parsed = prompts.map(parsePrompt);
    const ids = new Set(parsed.map((prompt) => prompt.id));
    need(ids.size === parsed.length, 'two prompts have the same id');
    return {
        title,
        intro: intro ?? '',
        participant,
        countdownSeconds: countdownSeconds === undefined
            ? COUNTDOWN_SECONDS_DEFAULT
            : Math.round(seconds(countdownSeconds, 'countdownSeconds', COUNTDOWN_SECONDS_MAX)),
        prompts: parsed,
        accept: parseAccept(value.accept),
        upload: parseUpload(value.upload),
    };
}

/** @returns {Promise<Config>} @throws {ConfigError} */
export async function loadConfig() {
    const url = new URL('prompts.json', document.baseURI);
    let response;
    try {
        response = await fetch(url, { cache: 'no-cache' });
    } catch {
        throw new ConfigError('it could not be loaded');
    }
    need(response.ok, `the server answered ${response.status}`);
    let value;
    try {
        value = await response.json();
    } catch {
        throw new ConfigError('it is not valid JSON');
    }
    return parseConfig(value);
}
