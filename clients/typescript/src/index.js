// A typed client of Insula's API.

import { grown } from "./calls.js";
import { operations } from "./generated/operations.js";
import { Line } from "./line.js";

export * from "./errors.js";

/** A client of a tenant's host. */
export function createClient(url, settings) {
  const line = new Line(url, settings);
  return { ...grown(line, operations), ask: (asked) => line.ask(asked) };
}
