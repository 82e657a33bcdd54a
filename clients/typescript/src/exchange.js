// Exchanges: what is sent, what an answer means, and whether to try once more.

import { refusal } from "./errors.js";

/**
 * @typedef {object} Asked one thing to ask of the server
 * @property {string} method
 * @property {string} path
 * @property {Record<string, unknown>} [query]
 * @property {BodyInit} [content]
 * @property {Record<string, string>} [headers]
 * @property {boolean} [repeatable] whether sending it twice does no more than once
 * @property {AbortSignal} [signal]
 */

/**
 * @typedef {object} Answered an answer that has arrived whole
 * @property {number} status
 * @property {Headers} headers
 * @property {Uint8Array} content
 */

/**
 * @typedef {object} Patience seconds, and how often something is tried
 * @property {number} attempts
 * @property {number} first
 * @property {number} longest who is told to wait for longer is told of it instead
 */

const SAFE = ["GET", "HEAD", "OPTIONS"];
const LATER = [502, 503, 504];
const IN_FLIGHT = "IDEMPOTENCY_IN_FLIGHT";

/** @param {Answered} answered @returns {any} */
export function decoded(answered) {
  if (!(answered.headers.get("content-type") ?? "").startsWith("application/json")) {
    return undefined;
  }
  try {
    return JSON.parse(new TextDecoder().decode(answered.content));
  } catch {
    return undefined;
  }
}

/** The envelope of a success. @param {Answered} answered */
export function envelope(answered) {
  const found = decoded(answered);
  if (found?.data === undefined) throw refusal(answered.status, undefined);
  return found;
}

/**
 * Seconds after which to try again; undefined if this is how it ends.
 *
 * @param {Asked} asked
 * @param {number} attempt
 * @param {Answered | undefined} answered
 * @param {Patience} patience
 * @returns {number | undefined}
 */
export function pause(asked, attempt, answered, patience) {
  if (attempt >= patience.attempts) return undefined;
  const repeatable = asked.repeatable || SAFE.includes(asked.method);
  if (answered === undefined) return repeatable ? backedOff(attempt, patience) : undefined;
  if (!passes(repeatable, answered)) return undefined;
  const told = answered.headers.get("retry-after") ?? "";
  if (!/^[0-9]+$/.test(told)) return backedOff(attempt, patience);
  return Number(told) <= patience.longest ? Number(told) : undefined;
}

/** @param {boolean} repeatable @param {Answered} answered */
function passes(repeatable, answered) {
  if (answered.status === 429) return true;
  if (answered.status === 409) return decoded(answered)?.error?.code === IN_FLIGHT;
  return LATER.includes(answered.status) && repeatable;
}

/** @param {number} attempt @param {Patience} patience */
function backedOff(attempt, patience) {
  const longest = Math.min(patience.longest, patience.first * 2 ** (attempt - 1));
  return longest * (0.5 + Math.random() / 2);
}

/** The query; what is undefined or null is not asked for. @param {Record<string, unknown>} query */
export function parameters(query) {
  const found = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value !== undefined && value !== null) found.append(name, String(value));
  }
  const text = found.toString();
  return text === "" ? "" : `?${text}`;
}

/** A value as a part of a path, which cannot lead out of its place. @param {string} value */
export function segment(value) {
  if (["", ".", ".."].includes(value)) throw new RangeError("This is no id.");
  return encodeURIComponent(value);
}
