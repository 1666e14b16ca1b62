// The runtime of Node.js functions: a client of the Lambda Runtime API. Standard library only.
//
//     node index.mjs          what it needs is in the variables that AWS defines
//
// One invocation at a time. A handler answers by its promise, by its callback or by the context's
// done, succeed and fail. While an invocation runs, nothing of ours keeps the event loop alive, so
// that `beforeExit` tells when the function has nothing left to do: a callback's answer waits for
// that unless callbackWaitsForEmptyEventLoop is false.
// AWS: Lambda Developer Guide, "Define Lambda function handler in Node.js"; names and texts of
// errors are those of AWS's own client, aws-lambda-nodejs-runtime-interface-client.

import { Api } from "./api.mjs";
import { NodeJsExit, UnhandledPromiseRejection, reportOf } from "./errors.mjs";
import { isStreaming, loadHandler } from "./handlers.mjs";
import { installConsole, logError, setRequestId } from "./logs.mjs";
import { ResponseStream } from "./streams.mjs";

const api = new Api(process.env.AWS_LAMBDA_RUNTIME_API);
const hasCallbacks = !/nodejs(2[4-9]|[3-9]\d)\.x$/.test(process.env.AWS_EXECUTION_ENV ?? "");
let whenIdle = () => {};
let fail = (error, code) => api.initError(reportOf(error)).finally(() => process.exit(code));

function contextOf(headers) {
  const endsMs = Number(headers["lambda-runtime-deadline-ms"]);
  const client = headers["lambda-runtime-client-context"];
  const identity = headers["lambda-runtime-cognito-identity"];
  return {
    functionVersion: process.env.AWS_LAMBDA_FUNCTION_VERSION,
    functionName: process.env.AWS_LAMBDA_FUNCTION_NAME,
    memoryLimitInMB: process.env.AWS_LAMBDA_FUNCTION_MEMORY_SIZE,
    logGroupName: process.env.AWS_LAMBDA_LOG_GROUP_NAME,
    logStreamName: process.env.AWS_LAMBDA_LOG_STREAM_NAME,
    clientContext: client ? JSON.parse(client) : undefined,
    identity: identity ? JSON.parse(identity) : undefined,
    invokedFunctionArn: headers["lambda-runtime-invoked-function-arn"],
    awsRequestId: headers["lambda-runtime-aws-request-id"],
    getRemainingTimeInMillis: () => Math.max(0, endsMs - Date.now()),
  };
}

function textOf(result) {
  try {
    return JSON.stringify(result === undefined ? null : result) ?? "null";
  } catch (error) {
    throw new Error("Unable to stringify response body", { cause: error });
  }
}

/** Serve one invocation; resolves when it has been answered and the next may come. */
function serve(handler, { headers, body }) {
  const id = headers["lambda-runtime-aws-request-id"];
  return new Promise((next) => {
    let isAnswered = false;
    let waitsForEmptyLoop = true;

    const tell = (what) => {
      if (isAnswered) return;
      isAnswered = true;
      whenIdle = () => {};
      what().then(next);
    };
    const refuse = (error) => {
      if (!isAnswered) logError("Invoke Error", error);
      tell(() => api.error(id, reportOf(error)));
    };
    const answer = (result) => {
      let text;
      try {
        text = textOf(result);
      } catch (error) {
        refuse(error);
        return;
      }
      tell(() => api.response(id, text));
    };
    const callback = (error, result) => {
      if (error !== undefined && error !== null) refuse(error);
      else if (!waitsForEmptyLoop) answer(result);
      else whenIdle = () => setImmediate(answer, result);
    };

    fail = (error, code) =>
      api.error(id, reportOf(error)).finally(() => process.exit(code));
    try {
      const context = contextOf(headers);
      if (hasCallbacks) {
        Object.defineProperty(context, "callbackWaitsForEmptyEventLoop", {
          get: () => waitsForEmptyLoop,
          set: (value) => {
            waitsForEmptyLoop = Boolean(value);
          },
          enumerable: true,
        });
        context.done = (error, result) =>
          error !== undefined && error !== null ? refuse(error) : answer(result);
        context.succeed = (result) => answer(result);
        context.fail = (error) => refuse(error ?? "handled");
      }
      const event = JSON.parse(body);
      if (isStreaming(handler)) {
        serveStream(handler, event, context, id, tell, refuse);
        return;
      }
      const isAsync = handler.constructor.name === "AsyncFunction";
      whenIdle = () => (isAsync ? refuse(new NodeJsExit()) : answer(null));
      const result = hasCallbacks ? handler(event, context, callback) : handler(event, context);
      if (typeof result?.then === "function") result.then(answer, refuse);
      else if (!hasCallbacks) answer(result);
    } catch (error) {
      refuse(error);
    }
  });
}

function serveStream(handler, event, context, id, tell, refuse) {
  const stream = new ResponseStream(api, id);
  let failed = null;
  const conclude = (error) => {
    if (error && stream.hasBegun) {
      logError("Invoke Error", error);
      tell(() => stream.breakOff(reportOf(error)));
    } else if (error) refuse(error);
    else tell(() => stream.sent);
  };
  stream.on("finish", () => conclude(failed));
  stream.on("error", (error) => conclude(error));
  whenIdle = () => conclude(new NodeJsExit());
  const result = handler(event, stream, context);
  if (typeof result?.then !== "function") {
    throw new Error("Streaming does not support non-async handlers.");
  }
  result.then(
    () => {},
    (error) => {
      failed = error;
      conclude(error);
    },
  );
}

process.on("beforeExit", () => whenIdle());
process.on("uncaughtException", (error) => {
  logError("Uncaught Exception", error);
  fail(error, 129);
});
process.on("unhandledRejection", (reason, promise) => {
  const error = new UnhandledPromiseRejection(reason, promise);
  logError("Unhandled Promise Rejection", error);
  fail(error, 128);
});

installConsole();
let handler;
try {
  handler = await loadHandler(process.env.LAMBDA_TASK_ROOT, process.env._HANDLER, hasCallbacks);
} catch (error) {
  logError("Uncaught Exception", error);
  await fail(error, 129);
}
while (true) {
  const invocation = await api.next();
  setRequestId(invocation.headers["lambda-runtime-aws-request-id"]);
  const trace = invocation.headers["lambda-runtime-trace-id"];
  if (trace) process.env._X_AMZN_TRACE_ID = trace;
  else delete process.env._X_AMZN_TRACE_ID;
  await serve(handler, invocation);
}
