// Lines to a server: requests go out, and are tried again where that does no harm.

import { ConnectionFailed, refusal } from "./errors.js";
import { decoded, parameters, pause } from "./exchange.js";

/** @import { Answered, Asked, Patience } from "./exchange.js" */

/** @type {Patience} */
export const USUAL = { attempts: 4, first: 0.5, longest: 30 };
const TIMEOUT = 60_000;

/**
 * @typedef {object} Settings
 * @property {string} [token] an API key, a personal token or an access token
 * @property {string} [tenant] only needed on a host that is nobody's own
 * @property {Partial<Patience>} [patience]
 * @property {typeof globalThis.fetch} [fetch]
 */

export class Line {
  /** @param {string} url @param {Settings} settings */
  constructor(url, { token, tenant, patience, fetch = globalThis.fetch } = {}) {
    this.url = url.replace(/\/+$/, "");
    this.patience = { ...USUAL, ...patience };
    this.fetch = fetch;
    /** @type {Record<string, string>} */
    this.headers = { accept: "application/json" };
    if (token !== undefined) this.headers.authorization = `Bearer ${token}`;
    if (tenant !== undefined) this.headers["x-tenant-id"] = tenant;
  }

  /**
   * The answer to anything at all; a refusal is thrown.
   *
   * @param {Asked} asked
   * @returns {Promise<Answered>}
   */
  async ask(asked) {
    for (let attempt = 1; ; attempt += 1) {
      /** @type {Answered | undefined} */
      let answered;
      let fault;
      try {
        answered = await this.#send(asked);
      } catch (error) {
        if (asked.signal?.aborted) throw error;
        fault = error;
      }
      const wait = pause(asked, attempt, answered, this.patience);
      if (wait !== undefined) {
        await new Promise((resolve) => setTimeout(resolve, wait * 1000));
      } else if (answered === undefined) {
        throw new ConnectionFailed(String(fault), { cause: fault });
      } else if (answered.status >= 400) {
        throw refusal(answered.status, decoded(answered));
      } else {
        return answered;
      }
    }
  }

  /** @param {Asked} asked @returns {Promise<Answered>} */
  async #send(asked) {
    const limit = AbortSignal.timeout(TIMEOUT);
    const { fetch } = this;
    const response = await fetch(this.url + asked.path + parameters(asked.query ?? {}), {
      method: asked.method,
      headers: { ...this.headers, ...asked.headers },
      body: asked.content ?? null,
      redirect: "error",
      signal: asked.signal ? AbortSignal.any([asked.signal, limit]) : limit,
    });
    const content = new Uint8Array(await response.arrayBuffer());
    return { status: response.status, headers: response.headers, content };
  }
}
