// The client against a server of this file's own, which answers as Insula does.

import assert from "node:assert/strict";
import { createServer } from "node:http";
import { after, before, beforeEach, test } from "node:test";

import { ConnectionFailed, Limited, Stale, createClient } from "../src/index.js";

/** @type {Array<(request: any, response: any) => void>} */
let answers = [];
/** @type {any[]} */
let seen = [];
let client;

const server = createServer(async (request, response) => {
  let body = "";
  for await (const chunk of request) body += chunk;
  seen.push({ method: request.method, url: request.url, headers: request.headers, body });
  const answer = answers.shift();
  if (answer) answer(request, response);
  else response.destroy();
});

const reply = (status, body, headers = {}) => (_, response) => {
  response.writeHead(status, { "content-type": "application/json", ...headers });
  response.end(JSON.stringify(body));
};
const page = (data, pagination) => reply(200, { success: true, data, meta: { pagination } });

before(() => new Promise((resolve) => server.listen(0, "127.0.0.1", resolve)));
after(() => server.close());
beforeEach(() => {
  answers = [];
  seen = [];
  const url = `http://127.0.0.1:${server.address().port}/`;
  client = createClient(url, { token: "secret", patience: { attempts: 3, first: 0 } });
});

test("a list is gone through page by page", async () => {
  answers = [page([{ id: 1 }, { id: 2 }], { next_cursor: "c2" }), page([{ id: 3 }], { next_cursor: null })];
  const rows = [];
  for await (const row of client.maintenance.assets.list({ state: "down", per_page: 2 })) rows.push(row.id);
  assert.deepEqual(rows, [1, 2, 3]);
  assert.equal(seen[1].url, "/api/v1/maintenance/assets?state=down&per_page=2&cursor=c2");
  assert.equal(seen[0].headers.authorization, "Bearer secret");
});

test("what is sent again has the key that it had", async () => {
  const made = reply(201, { success: true, data: { id: "a", version: 1 } });
  answers = [(_, response) => response.destroy(), reply(503, {}, { "retry-after": "0" }), made];
  assert.deepEqual(await client.maintenance.assets.create({ name: "Pump", tag: "P" }), { id: "a", version: 1 });
  assert.equal(new Set(seen.map((it) => it.headers["idempotency-key"])).size, 1);
  assert.deepEqual(JSON.parse(seen[2].body), { name: "Pump", tag: "P" });
});

test("errors are told by class, code and what is there now", async () => {
  const error = { code: "VERSION_MISMATCH", message: "Late.", current: { name: "New" } };
  answers = [reply(412, { success: false, error })];
  const late = client.maintenance.assets.update("a/b", { name: "Late" }, { version: 3 });
  await assert.rejects(late, (it) => it instanceof Stale && it.current.name === "New" && it.status === 412);
  assert.equal(seen[0].url, "/api/v1/maintenance/assets/a%2Fb");
  assert.equal(seen[0].headers["if-match"], '"3"');
  assert.throws(() => client.maintenance.assets.get(".."), RangeError);
});

test("patience has an end", async () => {
  answers = [reply(429, { error: { code: "RATE_LIMITED" } }, { "retry-after": "3600" })];
  await assert.rejects(client.maintenance.assets.get("a"), Limited);
  await assert.rejects(client.maintenance.assets.get("a"), ConnectionFailed);
  assert.equal(seen.length, 4);
});

test("a file is its bytes", async () => {
  answers = [(_, response) => response.writeHead(200, { "content-type": "text/csv" }).end("id\n1\n")];
  const sheet = await client.maintenance.assets.export({ format: "csv" });
  assert.equal(new TextDecoder().decode(sheet), "id\n1\n");
});
