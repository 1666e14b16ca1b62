// Finds and loads a handler, in CommonJS and in ES modules, as AWS's runtime does.

import fs from "node:fs";
import module, { createRequire } from "node:module";
import path from "node:path";
import { pathToFileURL } from "node:url";

import {
  CallbackHandlerDeprecated,
  HandlerNotFound,
  ImportModuleError,
  MalformedHandlerName,
  UserCodeSyntaxError,
} from "./errors.mjs";
import { STREAMING } from "./streams.mjs";

const require = createRequire(import.meta.url);

export function isStreaming(handler) {
  return handler[STREAMING] === "response";
}

/** Load `folder/module.function`, below root; throws in AWS's words. */
export async function loadHandler(root, name, hasCallbacks) {
  if (name.includes("..")) {
    const text = `'${name}' is not a valid handler name. Use absolute paths when specifying root`;
    throw new MalformedHandlerName(`${text} directories in handler names.`);
  }
  const base = path.basename(name);
  const folder = name.substring(0, name.indexOf(base));
  const match = /^([^.]*)\.(.*)$/.exec(base);
  if (!match || match.length !== 3) throw new MalformedHandlerName("Bad handler");
  const found = await loadModule(root, folder, match[1]);
  let handler = found;
  for (const part of match[2].split(".")) handler = handler?.[part];
  if (!handler) throw new HandlerNotFound(`${name} is undefined or not exported`);
  if (typeof handler !== "function") throw new HandlerNotFound(`${name} is not a function`);
  if (!hasCallbacks && handler.length >= 3 && !isStreaming(handler)) {
    throw new CallbackHandlerDeprecated(
      "AWS Lambda has removed support for callback-based function handlers starting with Node.js" +
        " 24. You need to modify this function to use a supported handler signature to use" +
        " Node.js 24 or later.",
    );
  }
  return handler;
}

async function loadModule(root, folder, name) {
  try {
    return await tryToLoad(root, folder, name);
  } catch (error) {
    if (error instanceof SyntaxError) throw renamed(UserCodeSyntaxError, error);
    if (error?.code === "MODULE_NOT_FOUND" || error?.code === "ERR_MODULE_NOT_FOUND") {
      throw renamed(ImportModuleError, error);
    }
    throw error;
  }
}

async function tryToLoad(root, folder, name) {
  const file = path.resolve(root, folder, name);
  const isModule = belongsToModules(path.dirname(file));
  if (fs.statSync(file, { throwIfNoEntry: false })?.isFile()) return require(file);
  if (fs.existsSync(`${file}.js`)) return isModule ? load(`${file}.js`) : require(`${file}.js`);
  if (fs.existsSync(`${file}.mjs`)) return load(`${file}.mjs`);
  if (fs.existsSync(`${file}.cjs`)) return require(`${file}.cjs`);
  return require(require.resolve(name, { paths: [root, path.resolve(root, folder)] }));
}

/** Tell whether the package.json that governs a folder says that its files are ES modules. */
function belongsToModules(folder) {
  if (folder.endsWith("/node_modules")) return false;
  const file = path.join(folder, "package.json");
  if (fs.existsSync(file)) {
    try {
      return JSON.parse(fs.readFileSync(file, "utf-8")).type === "module";
    } catch {
      return false;
    }
  }
  return folder !== "/" && belongsToModules(path.dirname(folder));
}

async function load(file) {
  // ES modules do not look at NODE_PATH by themselves; on Lambda they find layers all the same.
  const folders = (process.env.NODE_PATH ?? "").split(":").filter((each) => {
    return each && each !== process.env.LAMBDA_TASK_ROOT && fs.existsSync(each);
  });
  if (folders.length && module.registerHooks) {
    module.registerHooks({
      resolve(specifier, context, next) {
        try {
          return next(specifier, context);
        } catch (error) {
          const place = placeOf(error, specifier, folders);
          if (place) return next(specifier, { ...context, parentURL: place });
          throw error;
        }
      },
    });
  } else if (folders.length && module.register) {
    module.register("./layers.mjs", import.meta.url, { data: folders });
  }
  return import(pathToFileURL(file).href);
}

/** Return from where a package that was not found can be seen, among some folders, or null. */
export function placeOf(error, specifier, folders) {
  if (error?.code !== "ERR_MODULE_NOT_FOUND" || /^[./]|^[a-z]+:/.test(specifier)) return null;
  const parts = specifier.split("/");
  const name = parts.slice(0, specifier.startsWith("@") ? 2 : 1).join("/");
  const folder = folders.find((each) => fs.existsSync(path.join(each, name)));
  return folder ? pathToFileURL(path.join(path.dirname(folder), "from.mjs")).href : null;
}

function renamed(Kind, error) {
  let message = `${error.name}: ${error.message}`;
  if (Kind === ImportModuleError) message = `Error: ${error.message}`;
  if (/(module|package) '(@aws-sdk\/|@smithy\/|aws-sdk')/.test(error.message)) {
    message += "\nThe AWS SDK for JavaScript is neither in the function's node_modules nor in a";
    message += " layer nor among what this machine offers: install it beside the function's code.";
  }
  const made = new Kind(message);
  made.stack = `${made.name}: ${message}\n${stackOf(error)}`;
  return made;
}

/** Return the frames of an error; of a syntax error also the place, which stands before it. */
function stackOf(error) {
  const text = String(error.stack ?? "");
  const at = text.indexOf("\n    at ");
  const frames = at < 0 ? "" : text.slice(at + 1);
  return error instanceof SyntaxError ? `${text.slice(0, at < 0 ? undefined : at)}\n${frames}` : frames;
}
