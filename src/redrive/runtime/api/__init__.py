"""Functions that speak HTTP with us: the Lambda Runtime API and the Extensions API."""
