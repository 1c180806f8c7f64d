/* SPDX-License-Identifier: MIT */
/** The microphone's level, so that people see that they are heard. @module */
import { el, setText } from '../dom.js';
import { strings } from '../strings.js';

const HEARD_LEVEL = 0.08;
/** How often assistive technology hears of the level; the bar itself moves with each frame. */
const ARIA_EVERY_MS = 500;

export class LevelMeter {
    constructor() {
        this.fill = el('span', { class: 'meter-fill' });
        this.bar = el('div', { class: 'meter', role: 'meter', 'aria-label': strings.devices.level,
            'aria-valuemin': 0, 'aria-valuemax': 100, 'aria-valuenow': 0 }, this.fill);
        this.hint = el('p', { class: 'field-hint' }, strings.devices.levelQuiet);
        this.element = el('div', { class: 'level' }, this.bar, this.hint);
        /** @type {AudioContext|null} */
        this.context = null;
        this.frame = 0;
    }

    /** @param {MediaStream} stream */
    start(stream) {
        this.stop();
        setText(this.hint, strings.devices.levelQuiet);
        if (stream.getAudioTracks().length === 0) {
            this.element.hidden = true;
            return;
        }
        this.element.hidden = false;
        this.context = new AudioContext();
        void this.context.resume();
        const analyser = this.context.createAnalyser();
        analyser.fftSize = 1024;
        this.context.createMediaStreamSource(stream).connect(analyser);
        const samples = new Float32Array(analyser.fftSize);
        let shown = 0;
        let told_ms = 0;
        const draw = (/** @type {number} */ now_ms) => {
            analyser.getFloatTimeDomainData(samples);
            const level = Math.min(1, Math.sqrt(rms(samples)) * 1.6);
            shown = Math.max(level, shown * 0.92);
            this.fill.style.transform = `scaleX(${shown.toFixed(3)})`;
            if (now_ms - told_ms > ARIA_EVERY_MS) {
                told_ms = now_ms;
                this.bar.setAttribute('aria-valuenow', String(Math.round(shown * 100)));
            }
            if (level > HEARD_LEVEL) setText(this.hint, strings.devices.levelGood);
            this.frame = requestAnimationFrame(draw);
        };
        this.frame = requestAnimationFrame(draw);
    }

    stop() {
        cancelAnimationFrame(this.frame);
        void this.context?.close();
        this.context = null;
    }
}

/** @param {Float32Array} samples */
function rms(samples) {
    let sum = 0;
    for (const sample of samples) sum += sample * sample;
    return Math.sqrt(sum / samples.length);
}
