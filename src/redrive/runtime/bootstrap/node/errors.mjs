// Errors as AWS's runtime names and tells them.

function named(name, make = (message) => [message]) {
  return {
    [name]: class extends Error {
      constructor(...values) {
        super(...make(...values));
        this.name = `Runtime.${name}`;
      }
    },
  }[name];
}

export const HandlerNotFound = named("HandlerNotFound");
export const ImportModuleError = named("ImportModuleError");
export const MalformedHandlerName = named("MalformedHandlerName");
export const UserCodeSyntaxError = named("UserCodeSyntaxError");
export const CallbackHandlerDeprecated = named("CallbackHandlerDeprecated");
export const NodeJsExit = named("NodeJsExit", () => [
  "The Lambda runtime client detected an unexpected Node.js exit code. This is most likely caused" +
    " by a Promise that was never settled. For more information, see" +
    " https://nodejs.org/docs/latest/api/process.html#exit-codes",
]);

export class UnhandledPromiseRejection extends Error {
  constructor(reason, promise) {
    super(String(reason));
    this.name = "Runtime.UnhandledPromiseRejection";
    this.reason = reason;
    this.promise = promise;
  }
}

function isError(value) {
  return value instanceof Error || (value?.name && value?.message && value?.stack);
}

/** Return the body of an error; it never throws, whatever was thrown. */
export function reportOf(error) {
  try {
    if (!isError(error)) return { errorType: typeof error, errorMessage: String(error), trace: [] };
    return {
      errorType: error.name,
      errorMessage: error.message,
      trace: (error.stack ?? "").split("\n"),
    };
  } catch {
    return {
      errorType: "handled",
      errorMessage:
        "callback called with Error argument, but there was a problem while retrieving one or" +
        " more of its message, name, and stack",
      trace: [],
    };
  }
}

/** Return an error as it stands in the log: with its own properties and its stack. */
export function logged(error) {
  try {
    return JSON.stringify(error, (_, value) => {
      if (!isError(value)) return value;
      const plain = { errorType: value.name, errorMessage: value.message, code: value.code };
      Object.assign(plain, value, { stack: (value.stack ?? "").split("\n") });
      delete plain.name;
      return plain;
    });
  } catch {
    return JSON.stringify(reportOf(error));
  }
}
