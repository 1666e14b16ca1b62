// console, as AWS's runtime has it: time, request id, level and message, by tabs.
// AWS: Lambda Developer Guide, "Log and monitor Node.js Lambda functions", text format.

import fs from "node:fs";
import util from "node:util";

import { logged } from "./errors.mjs";

const LEVELS = { log: "INFO", debug: "DEBUG", info: "INFO", warn: "WARN", error: "ERROR" };
const pause = new Int32Array(new SharedArrayBuffer(4));
let requestId;

export function setRequestId(id) {
  requestId = id;
}

function write(text) {
  let rest = Buffer.from(text);
  while (rest.length) {
    try {
      rest = rest.subarray(fs.writeSync(1, rest));
    } catch (error) {
      if (error.code !== "EAGAIN") return; // the function may have closed it
      Atomics.wait(pause, 0, 0, 5);
    }
  }
}

function line(level, message) {
  write(`${new Date().toISOString()}\t${requestId}\t${level}\t${message}\n`);
}

export function installConsole() {
  for (const [name, level] of Object.entries(LEVELS)) {
    console[name] = (...values) => line(level, util.format(...values));
  }
  console.fatal = (...values) => line("FATAL", util.format(...values));
  console.trace = (...values) => {
    const trace = {};
    Error.captureStackTrace(trace, console.trace);
    const frames = trace.stack.slice(trace.stack.indexOf("\n") + 1);
    line("TRACE", `Trace: ${util.format(...values)}\n${frames}`);
  };
}

export function logError(words, error) {
  line("ERROR", `${words} \t${logged(error)}`);
}
