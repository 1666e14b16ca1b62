// The Runtime API as promises, over connections that stay open. An idle connection does not keep
// the event loop alive.

import http from "node:http";

const BASE = "/2018-06-01/runtime/";
const MODE = "Lambda-Runtime-Function-Response-Mode";

export class Api {
  constructor(address) {
    const [host, port] = address.split(":");
    this.place = { host, port, agent: new http.Agent({ keepAlive: true }) };
  }

  /** Wait for an invocation: its headers, in lower case, and its body as text. */
  next() {
    return this.#ask("GET", "invocation/next");
  }

  response(id, text) {
    return this.#ask("POST", `invocation/${id}/response`, text);
  }

  error(id, report) {
    return this.#ask("POST", `invocation/${id}/error`, JSON.stringify(report), report.errorType);
  }

  initError(report) {
    return this.#ask("POST", "init/error", JSON.stringify(report), report.errorType);
  }

  /** Begin a response that is sent in pieces; what it resolves to comes when it has been taken. */
  stream(id, contentType) {
    let request;
    const sent = new Promise((resolve, reject) => {
      request = http.request(
        {
          ...this.place,
          method: "POST",
          path: `${BASE}invocation/${id}/response`,
          headers: {
            "Content-Type": contentType,
            [MODE]: "streaming",
            "Transfer-Encoding": "chunked",
            Trailer: "Lambda-Runtime-Function-Error-Type, Lambda-Runtime-Function-Error-Body",
          },
        },
        (reply) => {
          reply.resume();
          reply.on("end", resolve);
        },
      );
      request.on("error", reject);
    });
    return { request, sent };
  }

  #ask(method, path, text, errorType) {
    return new Promise((resolve, reject) => {
      const headers = {};
      let body;
      if (text !== undefined) {
        body = Buffer.from(text);
        headers["Content-Type"] = "application/json";
        headers["Content-Length"] = body.length;
      }
      if (errorType) {
        headers["Lambda-Runtime-Function-Error-Type"] = String(errorType).replace(/[^ -~]/g, "?");
      }
      const options = { ...this.place, method, path: BASE + path, headers };
      const request = http.request(options, (reply) => {
        const pieces = [];
        reply.on("data", (piece) => pieces.push(piece));
        reply.on("end", () => {
          resolve({ headers: reply.headers, body: Buffer.concat(pieces).toString() });
        });
      });
      request.on("error", reject);
      request.end(body);
    });
  }
}
