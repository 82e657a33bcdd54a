// A typed client of Insula's API.

import type { Api } from "./generated/api.js";

export type * as models from "./generated/models.js";

export interface Settings {
  /** An API key, a personal token or an access token. */
  token?: string;
  /** Only needed on a host that is nobody's own. */
  tenant?: string;
  patience?: { attempts?: number; first?: number; longest?: number };
  fetch?: typeof globalThis.fetch;
}

export interface ReadOptions {
  signal?: AbortSignal;
}

export interface Options<Query> extends ReadOptions {
  query?: Query;
  /** The version that a change is based on. */
  version?: number;
  /** Sent again with the same key, it is done once; a new key each time unless said. */
  idempotencyKey?: string;
}

export interface FileOptions<Query> extends Options<Query> {
  contentType?: string;
}

export interface Page<Row> {
  rows: Row[];
  meta: Record<string, unknown>;
}

/** The rows of a list, each once; the next page is fetched when it is needed. */
export interface Pages<Row> extends AsyncIterable<Row> {
  pages(): AsyncIterable<Page<Row>>;
}

export interface Asked {
  method: string;
  path: string;
  query?: Record<string, unknown>;
  content?: BodyInit;
  headers?: Record<string, string>;
  repeatable?: boolean;
  signal?: AbortSignal;
}

export interface Answered {
  status: number;
  headers: Headers;
  content: Uint8Array;
}

export interface Client extends Api {
  /** The answer to anything at all, also to what this client has no method for. */
  ask(asked: Asked): Promise<Answered>;
}

/** A client of a tenant's host. */
export function createClient(url: string, settings?: Settings): Client;

export class InsulaError extends Error {}
export class ConnectionFailed extends InsulaError {}
export class Refused extends InsulaError {
  readonly status: number;
  readonly code: string;
  readonly error: Record<string, unknown>;
  readonly fields: Record<string, string[]>;
  readonly requestId?: string;
}
export class BadRequest extends Refused {}
export class Unauthenticated extends Refused {}
export class PaymentRequired extends Refused {}
export class Denied extends Refused {}
export class NotFound extends Refused {}
export class Conflict extends Refused {}
/** Somebody was faster; `current` is the row as it is now. */
export class Stale extends Refused {
  get current(): Record<string, unknown> | undefined;
}
export class Invalid extends Refused {}
export class VersionMissing extends Refused {}
export class Limited extends Refused {}
export class Faulty extends Refused {}
