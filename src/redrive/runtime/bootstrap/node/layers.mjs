// Runs beside the main thread, in versions of Node.js whose hooks do: lets ES modules find packages
// in the folders of layers.

import { placeOf } from "./handlers.mjs";

let folders = [];

export async function initialize(data) {
  folders = data;
}

export async function resolve(specifier, context, next) {
  try {
    return await next(specifier, context);
  } catch (error) {
    const place = placeOf(error, specifier, folders);
    if (place) return next(specifier, { ...context, parentURL: place });
    throw error;
  }
}
