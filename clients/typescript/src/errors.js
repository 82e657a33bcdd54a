// What can go wrong: a class for each status, with the code that the server gave it.

/** Anything that this client throws by itself. */
export class InsulaError extends Error {}

/** No answer came, however often it was tried. */
export class ConnectionFailed extends InsulaError {}

/** The server answered that it did not do it; `code` says why, for ever the same. */
export class Refused extends InsulaError {
  /**
   * @param {number} status
   * @param {Record<string, any>} error
   */
  constructor(status, error) {
    const code = String(error.code ?? `HTTP_${status}`);
    super(`${code} (${status}): ${error.message ?? ""}`);
    this.name = new.target.name;
    this.status = status;
    this.code = code;
    this.error = error;
    /** @type {Record<string, string[]>} */
    this.fields = error.fields ?? {};
    /** @type {string | undefined} */
    this.requestId = error.request_id;
  }
}

export class BadRequest extends Refused {}
export class Unauthenticated extends Refused {}
export class PaymentRequired extends Refused {}
export class Denied extends Refused {}
export class NotFound extends Refused {}
export class Conflict extends Refused {}

/** Somebody was faster; `current` is the row as it is now. */
export class Stale extends Refused {
  /** @returns {Record<string, unknown> | undefined} */
  get current() {
    return this.error.current;
  }
}

export class Invalid extends Refused {}
export class VersionMissing extends Refused {}
export class Limited extends Refused {}
export class Faulty extends Refused {}

/** @type {Record<number, typeof Refused>} */
const BY_STATUS = {
  400: BadRequest,
  401: Unauthenticated,
  402: PaymentRequired,
  403: Denied,
  404: NotFound,
  409: Conflict,
  412: Stale,
  422: Invalid,
  428: VersionMissing,
  429: Limited,
};

/**
 * The error that an answer tells; one that is not ours is told by its status alone.
 *
 * @param {number} status
 * @param {any} body
 */
export function refusal(status, body) {
  const Kind = BY_STATUS[status] ?? (status >= 500 ? Faulty : Refused);
  const error = body?.error;
  return new Kind(status, typeof error === "object" && error !== null ? error : {});
}
