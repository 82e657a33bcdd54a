// Calls: the methods of a client, made from the table of its operations.

import { envelope, segment } from "./exchange.js";

/** @import { Line } from "./line.js" */
/** @import { Asked } from "./exchange.js" */

/**
 * @typedef {object} Operation
 * @property {string} method
 * @property {string} path
 * @property {string} [answer] `pages`, `file`, or a row where nothing is said
 * @property {string} [body] `json`, or the content type of a file
 * @property {boolean} [keyed] whether one key does it once, however often it is sent
 */

/** @typedef {{ [name: string]: Tree | Operation }} Tree */

/** @param {Tree | Operation} it @returns {it is Operation} */
function isOperation(it) {
  return typeof it.method === "string" && typeof it.path === "string";
}

/**
 * An object with a method for each operation of the tree.
 *
 * @param {Line} line
 * @param {Tree} tree
 * @returns {Record<string, unknown>}
 */
export function grown(line, tree) {
  /** @type {Record<string, unknown>} */
  const found = {};
  for (const [name, it] of Object.entries(tree)) {
    found[name] = isOperation(it) ? call(line, it) : grown(line, it);
  }
  return found;
}

/** @param {Line} line @param {Operation} operation */
function call(line, operation) {
  /** @param {any[]} given */
  return (...given) => {
    const asked = read(operation, given);
    if (operation.answer === "pages") return new Pages(line, asked);
    return brought(line, asked, operation.answer === "file");
  };
}

/** @param {Line} line @param {Asked} asked @param {boolean} bare */
async function brought(line, asked, bare) {
  const answered = await line.ask(asked);
  return bare ? answered.content : envelope(answered).data;
}

/**
 * What the arguments of a method ask for: the id, then the body, then the rest.
 *
 * @param {Operation} operation
 * @param {any[]} given
 * @returns {Asked}
 */
function read(operation, given) {
  const { method, body, keyed = false } = operation;
  const left = [...given];
  const path = operation.path.replace("{id}", () => segment(String(left.shift())));
  if (method === "GET") return { method, path, query: left[0] ?? {}, ...left[1] };
  const content = body === undefined ? undefined : left.shift();
  const { query, version, idempotencyKey, contentType, signal } = left[0] ?? {};
  /** @type {Record<string, string>} */
  const headers = {};
  if (body !== undefined) {
    headers["content-type"] = body === "json" ? "application/json" : contentType ?? body;
  }
  if (version !== undefined) headers["if-match"] = `"${version}"`;
  if (keyed) headers["idempotency-key"] = idempotencyKey ?? crypto.randomUUID();
  const sent = body === "json" ? JSON.stringify(content) : content;
  return { method, path, headers, repeatable: keyed, query, content: sent, signal };
}

/** The rows of a list, each once; the next page is fetched when it is needed. */
export class Pages {
  /** @param {Line} line @param {Asked} asked */
  constructor(line, asked) {
    this.line = line;
    this.asked = asked;
  }

  async *[Symbol.asyncIterator]() {
    for await (const page of this.pages()) yield* page.rows;
  }

  async *pages() {
    let query = this.asked.query ?? {};
    for (;;) {
      const { data, meta } = envelope(await this.line.ask({ ...this.asked, query }));
      yield { rows: data, meta };
      const more = following(meta?.pagination ?? {});
      if (more === undefined) return;
      query = { ...query, ...more };
    }
  }
}

/** What to add to the question for the next page. @param {Record<string, any>} told */
function following(told) {
  if (told.next_cursor) return { cursor: told.next_cursor };
  if (told.current_page < told.total_pages) return { page: told.current_page + 1 };
  return undefined;
}
