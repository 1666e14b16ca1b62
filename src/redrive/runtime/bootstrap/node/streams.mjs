// Responses that are sent in pieces: awslambda.streamifyResponse and its stream.
// AWS: Lambda Developer Guide, "Response streaming for Lambda functions".

import { Writable } from "node:stream";

export const STREAMING = Symbol.for("aws.lambda.runtime.handler.streaming");
const HTTP = "application/vnd.awslambda.http-integration-response";

/** A handler's stream; the response begins with its first piece. */
export class ResponseStream extends Writable {
  #api;
  #id;
  #contentType = "application/octet-stream";
  #open = null;

  constructor(api, id) {
    super({ decodeStrings: true });
    this.#api = api;
    this.#id = id;
    this.prelude = null;
  }

  get hasBegun() {
    return this.#open !== null;
  }

  get sent() {
    return this.#begin().sent;
  }

  setContentType(type) {
    if (this.hasBegun) throw new Error("Cannot set content-type, too late.");
    this.#contentType = type;
  }

  #begin() {
    if (this.#open === null) {
      this.#open = this.#api.stream(this.#id, this.#contentType);
      if (this.prelude !== null) {
        this.#open.request.write(JSON.stringify(this.prelude));
        this.#open.request.write(new Uint8Array(8));
      }
    }
    return this.#open;
  }

  _write(piece, encoding, done) {
    this.#begin().request.write(piece, done);
  }

  _final(done) {
    this.#begin().request.end(done);
  }

  /** End in the middle, and say why. */
  breakOff(report) {
    const { request, sent } = this.#begin();
    if (!request.writableEnded) {
      request.addTrailers({
        "Lambda-Runtime-Function-Error-Type": String(report.errorType).replace(/[^ -~]/g, "?"),
        "Lambda-Runtime-Function-Error-Body": Buffer.from(JSON.stringify(report)).toString("base64"),
      });
      request.end();
    }
    return sent;
  }
}

globalThis.awslambda = {
  ...globalThis.awslambda,
  streamifyResponse(handler, options) {
    handler[STREAMING] = "response";
    handler.highWaterMark = options?.highWaterMark;
    return handler;
  },
  HttpResponseStream: class {
    static from(stream, prelude) {
      stream.setContentType(HTTP);
      stream.prelude = prelude;
      return stream;
    }
  },
};
