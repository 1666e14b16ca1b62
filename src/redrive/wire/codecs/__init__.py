"""One file a body format; which shape goes where is the business of `bindings`."""
