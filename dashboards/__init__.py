"""The live page of a study: it only reads the store, and draws the results. `app` serves it."""
